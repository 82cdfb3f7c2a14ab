/**
 * Limits the duration of each wait for another party. The time between two waits does not count. Neither does a wait
 * while the server's own work is in progress (`busy`).
 */
export class IdleTimeout {
  private rejectWait: ((reason: Error) => void) | undefined;
  private busyCount = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param onIdle called when a wait has lasted `limitMs`; it should call `interrupt` */
  constructor(limitMs: number, onIdle: () => void) {
    // One timer serves all waits, because a stream has thousands of them.
    this.timer = setTimeout(() => {
      if (!this.rejectWait) return;
      if (this.busyCount > 0) this.timer.refresh();
      else onIdle();
    }, limitMs);
  }

  /** Waits for a promise. One wait at a time. */
  waitFor<T>(promise: Promise<T>): Promise<T> {
    this.timer.refresh();
    return new Promise<T>((resolve, reject) => {
      this.rejectWait = reject;
      promise.then(resolve, reject);
    }).finally(() => {
      this.rejectWait = undefined;
    });
  }

  /** Rejects the current wait, if there is one, even if the promise never settles. */
  interrupt(reason: Error): void {
    this.rejectWait?.(reason);
  }

  /** Runs the server's own work. The limit does not apply while it runs. */
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
