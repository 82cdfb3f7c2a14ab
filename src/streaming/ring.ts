import type { EncodedEvent } from './sse-frame.js';

/**
 * The latest consecutive events of an execution, as many as fit into a number of bytes. They lie in blocks, cut by their bytes since
 * the ring began: streams that are behind write up to the same cuts and then the same blocks, whatever they began with.
 */
export class Ring {
  private events: EncodedEvent[] = [];
  /** Where each of the events ends, in bytes since the ring began. */
  private ends: number[] = [];
  private head = 0;

  /** @param blockBytes a block has fewer, and one event besides */
  constructor(
    private maxBytes: number,
    private readonly blockBytes: number,
  ) {}

  /**
   * Changes how much it holds.
   * @returns how many were dropped
   */
  resize(maxBytes: number): number {
    this.maxBytes = maxBytes;
    return this.drop();
  }

  /** @returns how many were dropped to make room */
  push(event: EncodedEvent): number {
    this.ends.push((this.ends.at(-1) ?? 0) + event.chunk.bytes);
    this.events.push(event);
    return this.drop();
  }

  /**
   * What comes after a position: the rest of its block, or as much of it as there is. Undefined when the next event is no longer (or
   * not yet) here.
   */
  after(sequence: number): readonly EncodedEvent[] | undefined {
    const first = this.events[this.head];
    if (!first || sequence + 1 < first.sequence) return undefined;
    const from = this.head + sequence + 1 - first.sequence;
    let to = from;
    while (to < this.events.length && this.blockOf(to) === this.blockOf(from)) to += 1;
    return this.events.slice(from, to);
  }

  private blockOf(index: number): number {
    return Math.floor(this.ends[index]! / this.blockBytes);
  }

  private drop(): number {
    const { head, events, ends, maxBytes } = this;
    const least = (ends.at(-1) ?? 0) - maxBytes;
    while (this.head < events.length && ends[this.head]! - events[this.head]!.chunk.bytes < least)
      this.head += 1;
    const dropped = this.head - head;
    if (this.head > 256 && this.head * 2 > events.length) {
      this.events = events.slice(this.head);
      this.ends = ends.slice(this.head);
      this.head = 0;
    }
    return dropped;
  }
}
