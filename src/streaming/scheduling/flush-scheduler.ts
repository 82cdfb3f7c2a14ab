/** How something is flushed, in ms of the clock of its `Turn`. */
export class FlushTiming {
  /** How long the last flush took. */
  took = 0;
  /** When it ended. */
  ended = 0;
  throttledUntil = 0;
}

/** What has something to write at the end of a turn. */
export interface Flushable {
  readonly timing: FlushTiming;
  /** Whether it has so much to write that it waits for nothing. */
  readonly isFull: boolean;
  /** @param now ms of the clock of its `Turn` */
  flush(now: number): void;
}

/** After a flush that took less nothing rests, in ms. */
const SHORT_MS = 0.5;
/** No rest is longer, in ms: what is told does not wait longer for others to be told with it. */
const MOST_REST_MS = 10;

/**
 * One flush for all channels a turn of the event loop, after its I/O: what is published in a turn goes out together,
 * without a delay of its own, and a thousand channels cost one callback.
 *
 * What took long to write to its many watchers, and has more to write straight away, rests half as long: each write costs about
 * the same whatever it holds, so a channel under load writes more at a time, and leaves time to whoever makes the events. One that
 * writes now and then never waits.
 */
export class FlushScheduler {
  private due: Flushable[] = [];
  private immediate = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param clock ms, as `performance.now()` gives them */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  add(flushable: Flushable): void {
    const { timing } = flushable;
    if (timing.took >= SHORT_MS && this.clock() - timing.ended < timing.took / 4)
      timing.throttledUntil = timing.ended + Math.min(timing.took / 2, MOST_REST_MS);
    this.due.push(flushable);
    if (this.immediate) return;
    this.immediate = true;
    setImmediate(this.run);
  }

  private readonly run = (): void => {
    this.immediate = false;
    const { due } = this;
    this.due = [];
    let at = this.clock();
    for (const flushable of due) {
      if (at < flushable.timing.throttledUntil && !flushable.isFull) {
        this.due.push(flushable);
        continue;
      }
      flushable.flush(at);
      const began = at;
      at = this.clock();
      flushable.timing.took = at - began;
      flushable.timing.ended = at;
    }
    if (this.due.length > 0) this.timer ??= setTimeout(this.wake, 1);
  };

  private readonly wake = (): void => {
    this.timer = undefined;
    if (this.due.length > 0 && !this.immediate) this.run();
  };
}
