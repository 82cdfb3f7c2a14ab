/** What has something to write at the end of a turn. */
export interface Flushable {
  /** Whether it has so much to write that it waits for nothing. */
  readonly isFull: boolean;
  /** Kept here by `Turn`: when its rest is over, as `performance.now()` counts. */
  restsUntil: number;
  /** @param now ms since the epoch */
  flush(now: number): void;
}

/** A flush that takes less is not worth a rest, in ms. */
const SHORT_MS = 0.5;
/** No rest is longer, in ms: what is told waits no longer for others to be told with it. */
const MOST_REST_MS = 20;

/**
 * One flush for all channels a turn of the event loop, after its I/O: what is published in a turn goes out together,
 * without a delay of its own, and a thousand channels cost one callback.
 *
 * What took long to write to its many watchers rests as long before it is written again: as each write costs about the same
 * whatever it holds, a channel under load then writes more at a time, and leaves half of the time to whoever makes the events. One that
 * writes now and then does not wait.
 */
export class Turn {
  private due: Flushable[] = [];
  private immediate = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param clock ms, as `performance.now()` gives them */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  add(flushable: Flushable): void {
    this.due.push(flushable);
    if (this.immediate) return;
    this.immediate = true;
    setImmediate(this.run);
  }

  private readonly run = (): void => {
    this.immediate = false;
    const { due } = this;
    this.due = [];
    const now = Date.now();
    let at = this.clock();
    for (const flushable of due) {
      if (at < flushable.restsUntil && !flushable.isFull) {
        this.due.push(flushable);
        continue;
      }
      flushable.flush(now);
      const began = at;
      at = this.clock();
      const took = at - began;
      if (took >= SHORT_MS) flushable.restsUntil = at + Math.min(took, MOST_REST_MS);
    }
    if (this.due.length > 0) this.timer ??= setTimeout(this.wake, 1);
  };

  private readonly wake = (): void => {
    this.timer = undefined;
    if (this.due.length > 0 && !this.immediate) this.run();
  };
}
