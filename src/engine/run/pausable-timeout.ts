/** A time limit whose clock stops while the execution is paused. */
export class PausableTimeout {
  private timer: NodeJS.Timeout | undefined;
  private startedAt = 0;

  /** @param left ms */
  constructor(
    private left: number,
    private readonly expire: () => void,
  ) {}

  resume(): void {
    if (this.timer) return;
    this.startedAt = performance.now();
    this.timer = setTimeout(this.expire, this.left);
  }

  pause(): void {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.left = Math.max(0, this.left - (performance.now() - this.startedAt));
  }
}
