/** Least time between two readings that are asked for, in ms. */
const SPACING_MS = 500;

/** Reads soon when asked to, else at a slow pace or not at all; not while the page is hidden, and never twice at once. */
export class Refresher {
  private reading: Promise<void> | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted = false;
  private closed = false;

  /** @param pace ms until the next reading that nothing asks for; null for none */
  constructor(
    private readonly read: () => Promise<void>,
    private readonly pace: () => number | null,
  ) {}

  now(): Promise<void> {
    if (this.closed) return Promise.resolve();
    if (this.reading) {
      this.wanted = true;
      return this.reading;
    }
    clearTimeout(this.timer);
    this.wanted = false;
    this.reading = this.read().finally(() => {
      this.reading = undefined;
      this.wait();
    });
    return this.reading;
  }

  soon(): void {
    if (this.wanted) return;
    this.wanted = true;
    if (!this.reading) this.wait();
  }

  /** Waits anew, for the pace has changed. */
  wait(): void {
    clearTimeout(this.timer);
    if (this.closed || this.reading) return;
    const again = (): void => {
      if (!this.wanted && isHidden()) this.wait();
      else void this.now();
    };
    const ms = this.wanted ? SPACING_MS : this.pace();
    if (ms !== null) this.timer = setTimeout(again, ms);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }
}

const isHidden = (): boolean => typeof document !== 'undefined' && document.visibilityState === 'hidden';
