const MIN_DELAY_MS = 50;
const MAX_DELAY_MS = 2_000;

/** Delays the next attempt to send after the database could not store appends, exponentially and with jitter. */
export class SendBackoff {
  private baseMs = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param onEnd called when sending may start again */
  constructor(private readonly onEnd: () => void) {}

  /** Whether the last attempt failed. */
  get isActive(): boolean {
    return this.baseMs > 0;
  }

  /** Whether sending must wait now. */
  get isWaiting(): boolean {
    return this.timer !== undefined;
  }

  /** Starts to wait. @returns the delay in ms */
  start(): number {
    this.baseMs = Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, 2 * this.baseMs));
    const delayMs = Math.round(this.baseMs * (0.5 + Math.random() / 2));
    this.timer = setTimeout(() => this.end(), delayMs);
    return delayMs;
  }

  /** Ends the wait early. Until `reset`, the next delay is longer. */
  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.onEnd();
  }

  /** Records that an attempt succeeded. */
  reset(): void {
    this.baseMs = 0;
  }
}
