/** Minimum time between two polls that are requested with `pollSoon`, in ms. */
const SPACING_MS = 500;

/**
 * Calls `poll` on request, and also regularly if there is an interval. Never runs two polls at once. While the page is
 * hidden, the regular polls stop.
 */
export class Poller {
  private running: Promise<void> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private requested = false;
  private closed = false;

  /** @param interval returns the ms until the next regular poll; null for none */
  constructor(
    private readonly poll: () => Promise<void>,
    private readonly interval: () => number | null,
  ) {}

  /** Polls now. If a poll is running, returns that one, and another one follows it soon. */
  pollNow(): Promise<void> {
    if (this.closed) return Promise.resolve();
    if (this.running) {
      this.requested = true;
      return this.running;
    }
    clearTimeout(this.timer);
    this.requested = false;
    this.running = this.poll().finally(() => {
      this.running = undefined;
      this.reschedule();
    });
    return this.running;
  }

  /** Polls within `SPACING_MS`. */
  pollSoon(): void {
    if (this.requested) return;
    this.requested = true;
    if (!this.running) this.reschedule();
  }

  /** Restarts the timer. Call it when the interval has changed. */
  reschedule(): void {
    clearTimeout(this.timer);
    if (this.closed || this.running) return;
    const onTimer = (): void => {
      if (!this.requested && isHidden()) this.reschedule();
      else void this.pollNow();
    };
    const ms = this.requested ? SPACING_MS : this.interval();
    if (ms !== null) this.timer = setTimeout(onTimer, ms);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

const isHidden = (): boolean => typeof document !== 'undefined' && document.visibilityState === 'hidden';
