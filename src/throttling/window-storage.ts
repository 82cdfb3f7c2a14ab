import type { ThrottlerStorage } from '@nestjs/throttler';

/** When more callers than this are counted, the oldest window ends early. */
const MAX_CALLERS = 100_000;

type Hit = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Counts requests in fixed windows, with one number per caller. The package's own storage keeps the time of every request
 * and walks through all of them at each request: with 10,000 requests per minute that would be the largest cost of a
 * request.
 */
export class WindowStorage implements ThrottlerStorage {
  /** All windows have the same length, so they end in the order in which they began, which is the order of the map. */
  private readonly windows = new Map<string, { hits: number; endsAt: number }>();

  constructor(private readonly maxCallers = MAX_CALLERS) {}

  increment(key: string, ttl: number, limit: number): Promise<Hit> {
    const now = performance.now();
    this.removeEnded(now);
    let window = this.windows.get(key);
    if (!window) {
      window = { hits: 0, endsAt: now + ttl };
      this.windows.set(key, window);
    }
    window.hits += 1;
    // The sum of fractions is not exact: a window of 60 s must not seem to end in 61 s.
    const seconds = Math.ceil(Math.min(window.endsAt - now, ttl) / 1000);
    const isBlocked = window.hits > limit;
    return Promise.resolve({
      totalHits: window.hits,
      timeToExpire: seconds,
      isBlocked,
      timeToBlockExpire: isBlocked ? seconds : 0,
    });
  }

  /** Number of callers that are counted now. */
  get size(): number {
    return this.windows.size;
  }

  private removeEnded(now: number): void {
    for (const [key, { endsAt }] of this.windows) {
      if (endsAt > now && this.windows.size < this.maxCallers) return;
      this.windows.delete(key);
    }
  }
}
