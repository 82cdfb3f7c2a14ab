import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from './http-chunk.js';
import { frameOf } from './sse-frame.js';

/** An event of at least this many bytes gets a block of its own, because copying it would cost more than a write. */
export const LARGE_EVENT_BYTES = 8_192;

/**
 * Consecutive encoded events of an execution in one buffer. There is no object per event. The buffer has space around the
 * frames for the framing of an HTTP chunk, so that a full block is written without a copy.
 */
export class FrameBlock {
  /** Number of events that have frames. */
  length = 0;
  /** Sequence of the first event. */
  first = 0;
  /** Sequence of the last event. */
  last = 0;
  private readonly buffer: Buffer;
  private end = HttpChunk.BYTES_BEFORE;
  private chunk: HttpChunk | undefined;
  private sealed = false;

  /** @param capacity in bytes of frames */
  constructor(capacity: number) {
    this.buffer = Buffer.allocUnsafeSlow(HttpChunk.BYTES_BEFORE + capacity + HttpChunk.BYTES_AFTER);
  }

  /** Bytes of memory. */
  get size(): number {
    return this.buffer.length;
  }

  /** Bytes of frames. */
  get bytes(): number {
    return this.end - HttpChunk.BYTES_BEFORE;
  }

  /** Whether the block holds a single large event. */
  get isLargeEvent(): boolean {
    return this.length === 1 && this.bytes >= LARGE_EVENT_BYTES;
  }

  /**
   * Adds an event if the block has space for it.
   * @param frame the event as `frameOf` or a format encodes it; not empty
   * @returns the bytes of the frame; 0 if it does not fit
   */
  add(sequence: number, frame: string): number {
    const free = this.buffer.length - HttpChunk.BYTES_AFTER - this.end;
    // A UTF-16 code unit takes at most three bytes, so the exact length is seldom needed.
    if (frame.length * 3 > free && Buffer.byteLength(frame) > free) return 0;
    const bytes = this.buffer.write(frame, this.end);
    this.end += bytes;
    this.skip(sequence);
    this.length += 1;
    return bytes;
  }

  /** Adds an event that has no frames in the stream's format. A sealed block takes it too. */
  skip(sequence: number): void {
    if (this.first === 0) this.first = sequence;
    this.last = sequence;
  }

  /** Marks the block as full. No event may be added afterwards. */
  seal(): void {
    this.sealed = true;
  }

  /** All events as one chunk, the same object each time; undefined until the block is sealed. */
  get whole(): HttpChunk | undefined {
    if (!this.sealed) return undefined;
    return (this.chunk ??= HttpChunk.around(this.buffer, HttpChunk.BYTES_BEFORE, this.end));
  }

  /** Returns a view of the frames between two byte offsets. */
  frames(from: number, to: number): Buffer {
    return this.buffer.subarray(HttpChunk.BYTES_BEFORE + from, HttpChunk.BYTES_BEFORE + to);
  }
}

/**
 * Encodes events into blocks of exactly the size they need. A block has at most `maxBytes`, unless it holds a single larger event.
 * Events without frames are in no block.
 */
export function blocksOf(
  events: readonly RecordedEvent[],
  maxBytes: number,
  encode: (event: RecordedEvent) => string = frameOf,
): FrameBlock[] {
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
    const frame = encode(event);
    if (frame === '') continue;
    const size = Buffer.byteLength(frame);
    if (bytes + size > maxBytes) close();
    group.push([event.sequence, frame]);
    bytes += size;
  }
  close();
  return blocks;
}
