import { MAX_SERVER_DELAY_MS } from './delay.js';

/**
 * How long to wait before the next attempt: exponential with full jitter, so that the clients of a server that
 * restarts do not come back all at once. The server's `retry:` is both the base and the least.
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

  /** The connection has shown that it works. */
  succeeded(): void {
    this.failures = 0;
  }

  /** Counts a failure. @returns ms to wait */
  next(): number {
    // Past 2^30 the ceiling is maxMs in any case.
    const exponent = Math.min(this.failures, 30);
    this.failures += 1;
    const ceiling = Math.min(this.maxMs, Math.max(this.baseMs, this.serverMs) * 2 ** exponent);
    return Math.round(Math.max(this.serverMs, this.random() * ceiling));
  }
}
