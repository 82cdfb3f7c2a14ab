import type { EventType } from '@cloutagent/contract';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from './http-chunk.js';
import { frameOf, framesOf } from './sse-frame.js';
import type { TypeFilter } from './type-filter.js';

/** An event of so many bytes has a block to itself: a copy of it would cost more than a write. */
export const ALONE_BYTES = 8_192;

/**
 * Encoded events of an execution, in their order, in one piece of memory: nothing is kept of each but its bytes. There is room
 * around them for the framing of an HTTP chunk, so that a block is written as it is once it is full.
 */
export class FrameBlock {
  /** Events in it. */
  length = 0;
  /** Sequence of the first one. */
  first = 0;
  /** Sequence of the last one. */
  last = 0;
  private readonly buffer: Buffer;
  private end = HttpChunk.ROOM_BEFORE;
  private chunk: HttpChunk | undefined;
  private sealed = false;

  /** @param room for so many bytes of frames */
  constructor(room: number) {
    this.buffer = Buffer.allocUnsafeSlow(HttpChunk.ROOM_BEFORE + room + HttpChunk.ROOM_BEHIND);
  }

  /** Bytes of memory. */
  get size(): number {
    return this.buffer.length;
  }

  /** Bytes of frames. */
  get bytes(): number {
    return this.end - HttpChunk.ROOM_BEFORE;
  }

  /** Whether it is for a single large event. */
  get isAlone(): boolean {
    return this.length === 1 && this.bytes >= ALONE_BYTES;
  }

  /**
   * Adds an event, if there is room.
   * @param frame the event as `frameOf` gives it
   * @returns its bytes; 0 if there is no room
   */
  add(sequence: number, frame: string): number {
    const room = this.buffer.length - HttpChunk.ROOM_BEHIND - this.end;
    // A UTF-16 code unit makes three bytes at most.
    if (frame.length * 3 > room && Buffer.byteLength(frame) > room) return 0;
    const bytes = this.buffer.write(frame, this.end);
    this.end += bytes;
    if (this.length === 0) this.first = sequence;
    this.last = sequence;
    this.length += 1;
    return bytes;
  }

  /** It is full: nothing may be added any more. */
  seal(): void {
    this.sealed = true;
  }

  /** The whole of it as one chunk, the same each time; undefined while events may still be added. */
  get whole(): HttpChunk | undefined {
    if (!this.sealed) return undefined;
    return (this.chunk ??= HttpChunk.around(this.buffer, HttpChunk.ROOM_BEFORE, this.end));
  }

  /** The events behind a position; undefined when there are none. */
  after(position: number): BlockRange | undefined {
    if (position >= this.last) return undefined;
    let [at, passed, first] = [0, 0, this.first];
    if (position >= first)
      for (const { sequence, end } of framesOf(this.frames(0, this.bytes))) {
        first = sequence;
        if (sequence > position) break;
        at = end;
        passed += 1;
      }
    return new BlockRange(this, at, this.bytes, first, this.last, this.length - passed);
  }

  /** A view of the frames between two of their bytes. */
  frames(from: number, to: number): Buffer {
    return this.buffer.subarray(HttpChunk.ROOM_BEFORE + from, HttpChunk.ROOM_BEFORE + to);
  }
}

/** Consecutive events of a block. */
export class BlockRange {
  /** @param count events in it */
  constructor(
    readonly block: FrameBlock,
    private readonly from: number,
    private to: number,
    readonly first: number,
    public last: number,
    private count: number,
  ) {}

  /** The event that was added to a block just now, of so many bytes. */
  static ofLast(block: FrameBlock, bytes: number): BlockRange {
    return new BlockRange(block, block.bytes - bytes, block.bytes, block.last, block.last, 1);
  }

  /** The event that was added to its block just now is part of it too. */
  grow(): void {
    this.to = this.block.bytes;
    this.last = this.block.last;
    this.count += 1;
  }

  /** What a filter shows of it. */
  shown(filter: TypeFilter): FilteredRange {
    const { block, from, to } = this;
    const frames = block.frames(from, to);
    let [pieces, bytes, count] = [[frames], frames.length, this.count];
    if (filter.types !== undefined) {
      [pieces, bytes, count] = [[], 0, 0];
      for (const { start, type, typeEnd, end } of framesOf(frames)) {
        if (!filter.admits(frames.toString('latin1', type, typeEnd) as EventType)) continue;
        pieces.push(frames.subarray(start, end));
        bytes += end - start;
        count += 1;
      }
    }
    return { pieces, bytes, count, whole: count === block.length ? block.whole : undefined };
  }
}

interface FilteredRange {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
  /** Events. */
  readonly count: number;
  /** All of it, if it is a whole block. */
  readonly whole: HttpChunk | undefined;
}

/** Events in blocks just large enough, of at most so many bytes each, but for an event that has more. */
export function blocksOf(events: readonly RecordedEvent[], mostBytes: number): FrameBlock[] {
  const blocks: FrameBlock[] = [];
  let group: [number, string][] = [];
  let bytes = 0;
  const close = (): void => {
    if (group.length === 0) return;
    const block = new FrameBlock(bytes);
    for (const [sequence, frame] of group) block.add(sequence, frame);
    block.seal();
    blocks.push(block);
    [group, bytes] = [[], 0];
  };
  for (const event of events) {
    const frame = frameOf(event);
    const size = Buffer.byteLength(frame);
    if (bytes + size > mostBytes) close();
    group.push([event.sequence, frame]);
    bytes += size;
  }
  close();
  return blocks;
}
