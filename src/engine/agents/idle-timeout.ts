/** Limits the duration of each wait for another party. The time between two waits does not count. */
export class IdleTimeout {
  private rejectWait: ((reason: Error) => void) | undefined;
  private readonly timer: NodeJS.Timeout;

  /** @param onIdle called when a wait has lasted `limitMs`; it should call `interrupt` */
  constructor(limitMs: number, onIdle: () => void) {
    // One timer serves all waits, because a stream has thousands of them.
    this.timer = setTimeout(() => {
      if (!this.rejectWait) return;
      onIdle();
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

  /** Makes known that the other party has sent something that is no answer to the wait. */
  touch(): void {
    this.timer.refresh();
  }

  /** Rejects the current wait, if there is one, even if the promise never settles. */
  interrupt(reason: Error): void {
    this.rejectWait?.(reason);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
