const SLOTS = 1024;
/** Calls in a row before the event loop continues, because a thousand heartbeats at once would block it. */
const CALLS_PER_ITERATION = 128;

/** Something that is called now and then. It is itself the list node of the wheel, so it costs neither an object nor a timer. */
export abstract class WheelEntry {
  /** @internal */ previousEntry: WheelEntry | undefined;
  /** @internal */ nextEntry: WheelEntry | undefined;
  /** @internal */ slot: Slot | undefined;

  /**
   * Does the work that is due.
   * @param now ms of the monotonic clock, as `performance.now()` returns them
   * @returns ms until the next call at the latest; Infinity for none
   */
  abstract onTimer(now: number): number;
}

interface Slot {
  first: WheelEntry | undefined;
}

/**
 * One timer for all streams: heartbeats, stall limits, expiry and age. It is a wheel and not a sorted list because a write
 * to a stream does not touch it: when an entry is called before it is due, it returns the time that is left. A stream thus
 * costs about one call per heartbeat. Adding and removing take constant time.
 */
export class TimerWheel {
  private readonly slots: Slot[] = Array.from({ length: SLOTS }, () => ({ first: undefined }));
  private timer: NodeJS.Timeout | undefined;
  private continuing: NodeJS.Immediate | undefined;
  /** Ticks since `startedAt`. */
  private tick = 0;
  private startedAt = performance.now();
  private size = 0;

  /** @param tickMs resolution of the wheel */
  constructor(private readonly tickMs: number) {}

  /** Number of entries, for tests and metrics. */
  get length(): number {
    return this.size;
  }

  /** Calls the entry after `ms`, or up to a tick later. Replaces an earlier time. */
  add(entry: WheelEntry, ms: number): void {
    this.remove(entry);
    if (ms === Infinity) return;
    if (!this.timer) {
      this.startedAt = performance.now();
      this.tick = 0;
      this.timer = setInterval(() => this.advance(), this.tickMs);
      this.timer.unref();
    }
    const due = Math.ceil((performance.now() - this.startedAt + ms) / this.tickMs);
    // An entry that is due after a full turn of the wheel is called before that, and then added again.
    const slot = this.slots[Math.min(Math.max(due, this.tick + 1), this.tick + SLOTS - 1) % SLOTS]!;
    entry.slot = slot;
    entry.nextEntry = slot.first;
    if (slot.first) slot.first.previousEntry = entry;
    slot.first = entry;
    this.size += 1;
  }

  remove(entry: WheelEntry): void {
    if (!entry.slot) return;
    if (entry.previousEntry) entry.previousEntry.nextEntry = entry.nextEntry;
    else entry.slot.first = entry.nextEntry;
    if (entry.nextEntry) entry.nextEntry.previousEntry = entry.previousEntry;
    entry.previousEntry = entry.nextEntry = entry.slot = undefined;
    this.size -= 1;
  }

  stop(): void {
    clearInterval(this.timer);
    clearImmediate(this.continuing);
    this.timer = this.continuing = undefined;
  }

  private advance(): void {
    if (this.continuing) return;
    const now = performance.now();
    const until = Math.floor((now - this.startedAt) / this.tickMs);
    let calls = 0;
    while (this.tick <= until) {
      const slot = this.slots[this.tick % SLOTS]!;
      for (let entry = slot.first; entry; entry = slot.first) {
        if (calls === CALLS_PER_ITERATION) {
          this.continuing = setImmediate(() => {
            this.continuing = undefined;
            this.advance();
          });
          return;
        }
        calls += 1;
        this.remove(entry);
        const ms = entry.onTimer(now);
        // The call itself may have added the entry, or closed it.
        if (ms !== Infinity && !entry.slot) this.add(entry, ms);
      }
      this.tick += 1;
    }
    if (this.size === 0) this.stop();
  }
}
