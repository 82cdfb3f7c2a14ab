import type { Socket } from 'node:net';

/** The link stops reading while more bytes are queued, so that a frozen connection does not fill the memory. */
const MAX_QUEUED = 1_048_576;

type Item = { due: number; data: Buffer } | { due: number; end: 'gracefully' | 'at once' };

/** One direction of a connection through a link. It forwards in order, and can delay or freeze the data. */
export class Flow {
  /** How many bytes may still pass. `onSpent` is called with the last one. */
  budget = Infinity;
  private readonly queue: Item[] = [];
  private queuedBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private isFrozen = false;
  private delayMs = 0;
  private lastDue = 0;
  private isDiscarded = false;

  /**
   * @param onPassed is called with each piece of data after it was written
   * @param onSpent is called when the budget is used up
   */
  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly onPassed: (data: Buffer) => void,
    private readonly onSpent: () => void,
  ) {}

  push(data: Buffer): void {
    if (this.isDiscarded) return;
    this.queuedBytes += data.length;
    if (this.queuedBytes > MAX_QUEUED) this.from.pause();
    this.enqueue({ due: this.nextDue(), data });
  }

  /** Ends the other side after all queued data. */
  pushEnd(end: 'gracefully' | 'at once'): void {
    this.enqueue({ due: this.nextDue(), end });
  }

  /** Holds all data and the end of the connection, or forwards them again. */
  freeze(isFrozen: boolean): void {
    this.isFrozen = isFrozen;
    this.pump();
  }

  /** Delays all data that arrives from now on. The order stays. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /** Forwards the queued data at once and removes delay and budget. */
  calm(): void {
    this.budget = Infinity;
    this.delayMs = 0;
    this.lastDue = 0;
    for (const item of this.queue) item.due = 0;
    this.freeze(false);
  }

  /** Discards the queued data and all later data. */
  discard(): void {
    this.isDiscarded = true;
    this.queue.length = 0;
    clearTimeout(this.timer);
    this.from.resume();
  }

  private nextDue(): number {
    this.lastDue = Math.max(this.lastDue, performance.now() + this.delayMs);
    return this.lastDue;
  }

  private enqueue(item: Item): void {
    if (this.isDiscarded) return;
    this.queue.push(item);
    this.pump();
  }

  private pump(): void {
    clearTimeout(this.timer);
    while (!this.isFrozen) {
      const item = this.queue[0];
      if (!item) return;
      const early = item.due - performance.now();
      if (early > 0) {
        this.timer = setTimeout(() => this.pump(), Math.ceil(early));
        return;
      }
      this.queue.shift();
      this.pass(item);
    }
  }

  private pass(item: Item): void {
    if ('end' in item) {
      if (item.end === 'gracefully') this.to.end();
      else this.to.destroy();
      return;
    }
    this.queuedBytes -= item.data.length;
    if (this.queuedBytes <= MAX_QUEUED) this.from.resume();
    const data = item.data.subarray(0, this.budget);
    this.budget -= data.length;
    const isSpent = this.budget <= 0;
    if (data.length > 0 && this.to.writable) {
      this.to.write(data);
      this.onPassed(data);
    }
    if (isSpent) this.onSpent();
  }
}
