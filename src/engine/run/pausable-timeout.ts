/** A time limit whose clock can be stopped. It does not run before the first `resume`. */
export class PausableTimeout {
  private timer: NodeJS.Timeout | undefined;
  private resumedAt = 0;

  /**
   * @param leftMs time that is left
   * @param onExpire called once no time is left
   */
  constructor(
    private leftMs: number,
    private readonly onExpire: () => void,
  ) {}

  /** The time that is left, in ms. */
  get remainingMs(): number {
    return this.timer ? Math.max(0, this.leftMs - (performance.now() - this.resumedAt)) : this.leftMs;
  }

  resume(): void {
    if (this.timer) return;
    this.resumedAt = performance.now();
    this.timer = setTimeout(this.onExpire, this.leftMs);
  }

  pause(): void {
    if (!this.timer) return;
    const { remainingMs } = this;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.leftMs = remainingMs;
  }
}
