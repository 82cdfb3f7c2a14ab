/** When something was flushed, in ms of the clock of its `FlushScheduler`. */
export class FlushTiming {
  /** Duration of the last flush. */
  took = 0;
  /** End of the last flush. */
  ended = 0;
  throttledUntil = 0;
}

/** Something that collects data and writes it once per iteration of the event loop. */
export interface Flushable {
  readonly timing: FlushTiming;
  /** Whether it has collected so much that it must not be throttled. */
  readonly isFull: boolean;
  /** @param now in ms of the clock of the `FlushScheduler` */
  flush(now: number): void;
}

/** A shorter flush, in ms, is never followed by a pause. */
const SHORT_FLUSH_MS = 0.5;
/** Longest pause, in ms, and so the longest that an event waits to be written together with later ones. */
const MAX_PAUSE_MS = 10;

/**
 * Flushes all channels once per iteration of the event loop, after its I/O. Events that are published in one iteration are
 * written together without a delay, and a thousand channels cost one callback.
 *
 * A channel is throttled if its last flush took long, because it has many watchers, and it has more to write right after
 * it: it pauses for half the time of that flush (docs/adr/0009). A write costs about the same whatever it holds, so a
 * channel under load writes more at a time and leaves time for the code that produces the events. A channel that writes
 * now and then never waits.
 */
export class FlushScheduler {
  private due: Flushable[] = [];
  private immediate = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param clock returns ms, as `performance.now()` does */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Flushes it at the end of this iteration of the event loop, or after its pause. */
  add(flushable: Flushable): void {
    const { timing } = flushable;
    if (timing.took >= SHORT_FLUSH_MS && this.clock() - timing.ended < timing.took / 4)
      timing.throttledUntil = timing.ended + Math.min(timing.took / 2, MAX_PAUSE_MS);
    this.due.push(flushable);
    if (this.immediate) return;
    this.immediate = true;
    setImmediate(this.run);
  }

  private readonly run = (): void => {
    this.immediate = false;
    const { due } = this;
    this.due = [];
    let now = this.clock();
    for (const flushable of due) {
      if (now < flushable.timing.throttledUntil && !flushable.isFull) {
        this.due.push(flushable);
        continue;
      }
      flushable.flush(now);
      const began = now;
      now = this.clock();
      flushable.timing.took = now - began;
      flushable.timing.ended = now;
    }
    if (this.due.length > 0) this.timer ??= setTimeout(this.onTimer, 1);
  };

  private readonly onTimer = (): void => {
    this.timer = undefined;
    if (this.due.length > 0 && !this.immediate) this.run();
  };
}
