import type { RecordedEvent } from '../../events/recorded-event.js';
import { BlockRange } from '../frames/block-range.js';
import { FrameBlock, LARGE_EVENT_BYTES } from '../frames/frame-block.js';
import { frameOf } from '../frames/sse-frame.js';

/** Capacity of the first block. A block that was filled is followed by one of twice its size. */
const FIRST_BLOCK_BYTES = 2_048;
/** Whole blocks are dropped, so the buffer is divided into at least this many, apart from those of large events. */
const MIN_BLOCKS = 8;

/**
 * The newest consecutive events of an execution within a number of bytes, in blocks. Streams that have to catch up read to
 * the end of a block and then whole blocks, so they soon write the same ones, wherever they began (docs/adr/0010).
 */
export class RecentEvents {
  /** The last one takes the next event. */
  private readonly blocks: FrameBlock[] = [];
  private bytes = 0;
  private nextCapacity = 0;

  /**
   * @param maxBytes of memory
   * @param blockBytes largest block, unless it holds a single larger event
   */
  constructor(
    private maxBytes: number,
    private readonly blockBytes: number,
  ) {}

  /**
   * Changes the number of bytes.
   * @returns the number of events dropped
   */
  resize(maxBytes: number): number {
    this.maxBytes = maxBytes;
    return this.drop();
  }

  /**
   * Adds an event.
   * @param range a range that ends with the newest event; it grows if the added event is in the same block
   * @param frame the encoded event; empty if it has no frames in the stream's format
   * @returns the range that the event is in now: `range` or a new one with this event alone
   */
  push(event: RecordedEvent, range?: BlockRange, frame = frameOf(event)): BlockRange {
    if (frame === '') return this.skip(event.sequence, range);
    const newest = this.blocks.at(-1);
    const added = frame.length < LARGE_EVENT_BYTES && newest?.add(event.sequence, frame);
    if (newest && added) {
      if (range?.block !== newest) return BlockRange.ofNewest(newest, added);
      range.grow();
      return range;
    }
    newest?.seal();
    const bytes = Buffer.byteLength(frame);
    const capacity = bytes < LARGE_EVENT_BYTES ? Math.max(bytes, this.capacityAfter(newest)) : bytes;
    const block = new FrameBlock(capacity);
    block.add(event.sequence, frame);
    if (block.isLargeEvent) block.seal();
    this.blocks.push(block);
    this.bytes += block.size;
    return BlockRange.ofNewest(block, bytes);
  }

  /** Returns the events after a position up to the end of their block; undefined if the next event is not held (any more). */
  after(sequence: number): BlockRange | undefined {
    const block = this.blocks.findLast(({ first }) => first <= sequence + 1);
    return block && BlockRange.after(block, sequence);
  }

  /**
   * Drops the oldest events while there are too many bytes. Ranges of dropped blocks stay valid.
   * @returns the number of events dropped
   */
  drop(): number {
    let dropped = 0;
    while (this.bytes > this.maxBytes) {
      const oldest = this.blocks.shift()!;
      this.bytes -= oldest.size;
      dropped += oldest.last - oldest.first + 1;
    }
    return dropped;
  }

  private skip(sequence: number, range: BlockRange | undefined): BlockRange {
    let newest = this.blocks.at(-1);
    if (!newest) {
      newest = new FrameBlock(this.capacityAfter(undefined));
      this.blocks.push(newest);
      this.bytes += newest.size;
    }
    newest.skip(sequence);
    if (range?.block !== newest) return BlockRange.ofSkipped(newest);
    range.grow(0);
    return range;
  }

  private capacityAfter(block: FrameBlock | undefined): number {
    if (block && !block.isLargeEvent) this.nextCapacity = 2 * block.bytes;
    const max = Math.min(this.blockBytes, Math.floor(this.maxBytes / MIN_BLOCKS));
    return Math.min(max, Math.max(FIRST_BLOCK_BYTES, this.nextCapacity));
  }
}
