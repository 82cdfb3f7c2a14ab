import type { ThrottlerStorage } from '@nestjs/throttler';

/** Past this many callers in one window, the oldest one begins anew. */
const MOST_CALLERS = 100_000;

type Hit = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Counts requests in fixed windows: one number a caller. The package's own storage keeps the time of every
 * request and walks through all of them on each: 10,000 a minute make that the dearest part of a request.
 */
export class WindowStorage implements ThrottlerStorage {
  /** All windows are equally long, so the order in which they began is the order in which they end. */
  private readonly windows = new Map<string, { hits: number; endsAt: number }>();

  constructor(private readonly most = MOST_CALLERS) {}

  increment(key: string, ttl: number, limit: number): Promise<Hit> {
    const now = performance.now();
    this.drop(now);
    let window = this.windows.get(key);
    if (!window) {
      window = { hits: 0, endsAt: now + ttl };
      this.windows.set(key, window);
    }
    window.hits += 1;
    const seconds = Math.ceil((window.endsAt - now) / 1000);
    const isBlocked = window.hits > limit;
    return Promise.resolve({
      totalHits: window.hits,
      timeToExpire: seconds,
      isBlocked,
      timeToBlockExpire: isBlocked ? seconds : 0,
    });
  }

  /** Callers that are counted now. */
  get size(): number {
    return this.windows.size;
  }

  private drop(now: number): void {
    for (const [key, { endsAt }] of this.windows) {
      if (endsAt > now && this.windows.size < this.most) return;
      this.windows.delete(key);
    }
  }
}
