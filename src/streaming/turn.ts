/** What has something to write at the end of a turn. */
export interface Flushable {
  /** @param now ms since the epoch */
  flush(now: number): void;
}

/**
 * One flush for all channels a turn of the event loop, after its I/O: what is published in a turn goes out together,
 * without a delay of its own, and a thousand channels cost one callback.
 */
export class Turn {
  private due: Flushable[] = [];

  add(flushable: Flushable): void {
    this.due.push(flushable);
    if (this.due.length === 1) setImmediate(this.run);
  }

  private readonly run = (): void => {
    const due = this.due;
    this.due = [];
    const now = Date.now();
    for (const flushable of due) flushable.flush(now);
  };
}
