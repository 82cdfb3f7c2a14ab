import type { RecordedEvent } from '../../events/recorded-event.js';
import { ALONE_BYTES, FrameBlock, type BlockRange } from '../frames/frame-block.js';
import { frameOf } from '../frames/sse-frame.js';

/** Room of the first block; each one that was filled is followed by one of twice the size. */
const FIRST_BYTES = 2_048;
/** It is by the block that events go: there are so many at least, if they are not large ones. */
const LEAST_BLOCKS = 8;

/**
 * The latest consecutive events of an execution, as many as fit into a number of bytes. They lie in blocks: streams that are behind
 * write up to the same cuts and then the same blocks, whatever they began with.
 */
export class RecentEvents {
  /** The last one takes what comes. */
  private readonly blocks: FrameBlock[] = [];
  private bytes = 0;
  private room = 0;

  /**
   * @param maxBytes of memory
   * @param blockBytes a block has no more, but for one with a single event
   */
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

  /** Where the latest event is. */
  get newest(): FrameBlock | undefined {
    return this.blocks.at(-1);
  }

  /** @returns its bytes */
  push(event: RecordedEvent): number {
    const frame = frameOf(event);
    const { newest } = this;
    const added = frame.length < ALONE_BYTES && newest?.add(event.sequence, frame);
    if (added) return added;
    newest?.seal();
    const bytes = Buffer.byteLength(frame);
    const block = new FrameBlock(bytes < ALONE_BYTES ? Math.max(bytes, this.roomAfter(newest)) : bytes);
    block.add(event.sequence, frame);
    if (block.isAlone) block.seal();
    this.blocks.push(block);
    this.bytes += block.size;
    return bytes;
  }

  /** What comes after a position: the rest of its block. Undefined when the next event is no longer (or not yet) here. */
  after(sequence: number): BlockRange | undefined {
    return this.blocks.findLast(({ first }) => first <= sequence + 1)?.after(sequence);
  }

  /**
   * Drops the oldest events while there are too many; they stay where they are still to be written from.
   * @returns how many were dropped
   */
  drop(): number {
    let dropped = 0;
    while (this.bytes > this.maxBytes) {
      const oldest = this.blocks.shift()!;
      this.bytes -= oldest.size;
      dropped += oldest.length;
    }
    return dropped;
  }

  private roomAfter(block: FrameBlock | undefined): number {
    if (block && !block.isAlone) this.room = 2 * block.bytes;
    const most = Math.min(this.blockBytes, Math.floor(this.maxBytes / LEAST_BLOCKS));
    return Math.min(most, Math.max(FIRST_BYTES, this.room));
  }
}
