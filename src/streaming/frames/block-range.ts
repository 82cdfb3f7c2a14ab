import type { EventType } from '@cloutagent/contract';
import type { FrameBlock } from './frame-block.js';
import type { HttpChunk } from './http-chunk.js';
import { eventsOf, framesOf } from './sse-frame.js';
import type { TypeFilter } from './type-filter.js';

/** Consecutive events of a block, or those of them that a filter admits. */
export class BlockRange {
  /** Bytes of the frames. */
  bytes: number;
  /** Sequence up to which the range reaches, whether the filter admits that event or not. */
  last: number;
  /** The frames that a filter admits; undefined without a filter, when they are one view. */
  private selected: readonly Buffer[] | undefined;

  /**
   * The range ends where the block ends at present.
   * @param offset of the first frame among the block's frames, in bytes
   * @param first sequence of the first event
   * @param count events in the range that have frames
   */
  constructor(
    readonly block: FrameBlock,
    private readonly offset: number,
    readonly first: number,
    public count: number,
  ) {
    this.bytes = block.bytes - offset;
    this.last = block.last;
  }

  /** Makes a range of the newest event of a block, which has `bytes` bytes. */
  static ofNewest(block: FrameBlock, bytes: number): BlockRange {
    return new BlockRange(block, block.bytes - bytes, block.last, 1);
  }

  /** Returns the events of a block after a position; undefined if there are none. */
  static after(block: FrameBlock, position: number): BlockRange | undefined {
    if (position >= block.last) return undefined;
    let [offset, skipped, first] = [0, 0, block.first];
    if (position >= first)
      for (const { sequence, end } of eventsOf(block.frames(0, block.bytes))) {
        first = sequence;
        if (sequence > position) break;
        offset = end;
        skipped += 1;
      }
    return new BlockRange(block, offset, first, block.length - skipped);
  }

  /** Makes a range of the newest event of a block, which has no frames. */
  static ofSkipped(block: FrameBlock): BlockRange {
    return new BlockRange(block, block.bytes, block.last, 0);
  }

  /**
   * Takes in the event that was just added to the block.
   * @param count 0 if the event has no frames
   */
  grow(count = 1): void {
    this.bytes = this.block.bytes - this.offset;
    this.last = this.block.last;
    this.count += count;
  }

  /** The frames, as views of the block. */
  get buffers(): readonly Buffer[] {
    return this.selected ?? [this.block.frames(this.offset, this.offset + this.bytes)];
  }

  /** The chunk of the whole block, if the range holds all its events and the block is full. */
  get whole(): HttpChunk | undefined {
    return this.count > 0 && this.count === this.block.length ? this.block.whole : undefined;
  }

  /** Returns the events that a filter admits, as a range with the same `first` and `last`. */
  filtered(filter: TypeFilter): BlockRange {
    if (filter.types === undefined) return this;
    const frames = this.block.frames(this.offset, this.offset + this.bytes);
    const selected: Buffer[] = [];
    const range = new BlockRange(this.block, this.offset, this.first, 0);
    range.selected = selected;
    range.last = this.last;
    range.bytes = 0;
    for (const { start, type, typeEnd, end } of framesOf(frames)) {
      if (!filter.admits(frames.toString('latin1', type, typeEnd) as EventType)) continue;
      selected.push(frames.subarray(start, end));
      range.bytes += end - start;
      range.count += 1;
    }
    return range;
  }
}
