import { MAX_SERVER_DELAY_MS } from './delay.js';

/**
 * Computes the delay before the next attempt: exponential backoff with full jitter, so that clients do not reconnect
 * all at once when a server restarts. The server's `retry:` is both the base and the minimum.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Backoff {
  /** Failures since the last success. */
  failures = 0;
  private serverMs = 0;

  constructor(
    private readonly baseMs: number,
    private readonly maxMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** The server's `retry:`, in ms. */
  set retryMs(ms: number) {
    this.serverMs = Math.min(ms, MAX_SERVER_DELAY_MS);
  }

  /** Resets the count of failures: the connection works. */
  succeeded(): void {
    this.failures = 0;
  }

  /** Counts a failure. @returns the delay in ms */
  next(): number {
    // Above 2^30 the ceiling is always maxMs.
    const exponent = Math.min(this.failures, 30);
    this.failures += 1;
    const ceiling = Math.min(this.maxMs, Math.max(this.baseMs, this.serverMs) * 2 ** exponent);
    return Math.round(Math.max(this.serverMs, this.random() * ceiling));
  }
}
