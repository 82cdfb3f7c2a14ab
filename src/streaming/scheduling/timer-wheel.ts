const SLOTS = 1024;
/** Looks in a row before the event loop has its turn: a thousand heartbeats at once would hold everybody up. */
const LOOKS_AT_ONCE = 128;

/** Something that is looked at now and then. It is an entry of the wheel itself: no object, no timer besides. */
export abstract class WheelEntry {
  /** @internal */ previous: WheelEntry | undefined;
  /** @internal */ next: WheelEntry | undefined;
  /** @internal */ slot: Slot | undefined;

  /**
   * Does what is due.
   * @param now ms of the monotonic clock, as `performance.now()` gives them
   * @returns ms until the next look, at the latest; Infinity for none
   */
  abstract onTimer(now: number): number;
}

interface Slot {
  first: WheelEntry | undefined;
}

/**
 * The one timer of all streams: heartbeats, stall limits, expiry, age. A wheel rather than a sorted list, as nothing is
 * done to it when a stream writes: a stream that is due later than thought is put further on when it is looked at, so
 * each costs one look a heartbeat. Adding and removing take constant time.
 */
export class TimerWheel {
  private readonly slots: Slot[] = Array.from({ length: SLOTS }, () => ({ first: undefined }));
  private timer: NodeJS.Timeout | undefined;
  private continuing: NodeJS.Immediate | undefined;
  /** Ticks since the wheel began. */
  private at = 0;
  private began = performance.now();
  private size = 0;

  /** @param tickMs how exact it is */
  constructor(private readonly tickMs: number) {}

  /** Entries, for tests and metrics. */
  get length(): number {
    return this.size;
  }

  /** Looks at it after `ms`, or up to a tick later. */
  add(entry: WheelEntry, ms: number): void {
    this.remove(entry);
    if (ms === Infinity) return;
    if (!this.timer) {
      this.began = performance.now();
      this.at = 0;
      this.timer = setInterval(() => this.turn(), this.tickMs);
      this.timer.unref();
    }
    const due = Math.ceil((performance.now() - this.began + ms) / this.tickMs);
    // What lies beyond the wheel is looked at on the way and put further on.
    const slot = this.slots[Math.min(Math.max(due, this.at + 1), this.at + SLOTS - 1) % SLOTS]!;
    entry.slot = slot;
    entry.next = slot.first;
    if (slot.first) slot.first.previous = entry;
    slot.first = entry;
    this.size += 1;
  }

  remove(entry: WheelEntry): void {
    if (!entry.slot) return;
    if (entry.previous) entry.previous.next = entry.next;
    else entry.slot.first = entry.next;
    if (entry.next) entry.next.previous = entry.previous;
    entry.previous = entry.next = entry.slot = undefined;
    this.size -= 1;
  }

  stop(): void {
    clearInterval(this.timer);
    clearImmediate(this.continuing);
    this.timer = this.continuing = undefined;
  }

  private turn(): void {
    if (this.continuing) return;
    const now = performance.now();
    const until = Math.floor((now - this.began) / this.tickMs);
    let looks = 0;
    while (this.at <= until) {
      const slot = this.slots[this.at % SLOTS]!;
      for (let entry = slot.first; entry; entry = slot.first) {
        if (looks === LOOKS_AT_ONCE) {
          this.continuing = setImmediate(() => {
            this.continuing = undefined;
            this.turn();
          });
          return;
        }
        looks += 1;
        this.remove(entry);
        const ms = entry.onTimer(now);
        // It may have been added or closed by its own look.
        if (ms !== Infinity && !entry.slot) this.add(entry, ms);
      }
      this.at += 1;
    }
    if (this.size === 0) this.stop();
  }
}
