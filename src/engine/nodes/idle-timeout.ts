/**
 * Waits for someone, but not forever. Only waiting counts as idle: not the time between two waits, and
 * not while something of ours is `busy`.
 */
export class IdleTimeout {
  private giveUp: ((reason: Error) => void) | undefined;
  private busyCount = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param onIdle called when a wait lasted `limitMs`; it should `interrupt` */
  constructor(limitMs: number, onIdle: () => void) {
    // One timer for all waits: a stream has thousands.
    this.timer = setTimeout(() => {
      if (!this.giveUp) return;
      if (this.busyCount > 0) this.timer.refresh();
      else onIdle();
    }, limitMs);
  }

  waitFor<T>(promise: Promise<T>): Promise<T> {
    this.timer.refresh();
    return new Promise<T>((resolve, reject) => {
      this.giveUp = reject;
      promise.then(resolve, reject);
    }).finally(() => {
      this.giveUp = undefined;
    });
  }

  /** Ends the present wait, if there is one, even if the other side never notices. */
  interrupt(reason: Error): void {
    this.giveUp?.(reason);
  }

  async busy<T>(work: () => Promise<T>): Promise<T> {
    this.busyCount += 1;
    try {
      return await work();
    } finally {
      this.busyCount -= 1;
      this.timer.refresh();
    }
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
