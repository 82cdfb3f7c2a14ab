import type { EncodedEvent } from './sse-frame.js';

/** The latest consecutive events of an execution, as many as fit into a number of bytes. */
export class Ring {
  private events: EncodedEvent[] = [];
  private head = 0;
  private bytes = 0;

  constructor(private maxBytes: number) {}

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
    this.events.push(event);
    this.bytes += event.chunk.bytes;
    return this.drop();
  }

  /** The events after a position, or undefined when the next one is no longer (or not yet) here. */
  after(sequence: number): readonly EncodedEvent[] | undefined {
    const first = this.events[this.head];
    if (!first || sequence + 1 < first.sequence) return undefined;
    return this.events.slice(this.head + sequence + 1 - first.sequence);
  }

  private drop(): number {
    const { head } = this;
    while (this.bytes > this.maxBytes && this.head < this.events.length) {
      this.bytes -= this.events[this.head]!.chunk.bytes;
      this.head += 1;
    }
    const dropped = this.head - head;
    if (this.head > 256 && this.head * 2 > this.events.length) {
      this.events = this.events.slice(this.head);
      this.head = 0;
    }
    return dropped;
  }
}
