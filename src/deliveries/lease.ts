import { Logger } from '../logging/logger.js';

const RENEWALS_PER_LEASE = 3;

/**
 * The time for which one claim holds a delivery. It is renewed while the delivery runs. Its signal aborts when another process
 * has taken over, or may have because the lease was not renewed in time.
 */
export class Lease {
  private readonly logger = new Logger(Lease.name);
  private readonly lost = new AbortController();
  private readonly renewal: NodeJS.Timeout;
  private endTimer: NodeJS.Timeout | undefined;
  /** Until then, no other process may deliver. In ms of the monotonic clock. */
  private endsAt = 0;

  /**
   * @param name of the receiver, for the log
   * @param durationMs DELIVERY_LEASE_MS
   * @param claimedAt when the claim was sent, in ms of the monotonic clock
   * @param send renews the lease in the database, and resolves with whether the claim still holds
   */
  constructor(
    private readonly name: string,
    private readonly durationMs: number,
    claimedAt: number,
    private readonly send: () => Promise<boolean>,
  ) {
    this.renewal = setInterval(() => void this.renew(), durationMs / RENEWALS_PER_LEASE);
    this.extend(claimedAt);
  }

  get signal(): AbortSignal {
    return this.lost.signal;
  }

  /** Whether another process may have taken over. A process that was stopped finds it out here before its timers run. */
  get isLost(): boolean {
    if (performance.now() >= this.endsAt) this.lose();
    return this.lost.signal.aborted;
  }

  /** Renews the lease, and aborts the signal if another process has taken over. */
  async renew(): Promise<void> {
    const sentAt = performance.now();
    try {
      if (await this.send()) this.extend(sentAt);
      else this.lose();
    } catch (error) {
      this.logger.debug(`a lease of ${this.name} could not be renewed: ${(error as Error).message}`);
    }
  }

  /** Counts the lease from `sentAt`. The database counts it from a later time, so it ends here first. */
  extend(sentAt: number): void {
    if (this.lost.signal.aborted) return;
    this.endsAt = Math.max(this.endsAt, sentAt + this.durationMs);
    this.checkAtItsEnd();
  }

  /** Aborts the signal: the claim is lost. */
  lose(): void {
    this.lost.abort(new Error('another process may have taken this delivery over'));
  }

  /** Renews no more. */
  end(): void {
    clearInterval(this.renewal);
    clearTimeout(this.endTimer);
  }

  /** Checks the lease again if the timer fires early: Node cuts the fraction of a millisecond off. */
  private checkAtItsEnd(): void {
    clearTimeout(this.endTimer);
    this.endTimer = setTimeout(() => {
      if (!this.isLost) this.checkAtItsEnd();
    }, this.endsAt - performance.now());
    this.endTimer.unref();
  }
}
