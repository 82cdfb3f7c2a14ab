import { HttpChunk } from '../frames/http-chunk.js';
import type { FrameOffsets } from '../frames/sse-frame.js';

const LINE_END = 0x0a;
/** The end of the last line, and of the frame. */
const TAIL_BYTES = 2;

/** A frame of more bytes is not copied for each stream, because a result of megabytes may have thousands of watchers. */
const SHARED_BYTES = 65_536;
const shared = new WeakMap<HttpChunk, HttpChunk>();

/**
 * Returns the part of a long frame that is the same on all streams, up to its id: one copy for all.
 * @returns undefined if the frame is short, or the chunk holds further frames
 */
export function sharedPartOf(chunk: HttpChunk, { start, id, end }: FrameOffsets): HttpChunk | undefined {
  if (id < SHARED_BYTES || start !== 0 || end !== chunk.bytes) return undefined;
  let found = shared.get(chunk);
  if (!found) shared.set(chunk, (found = HttpChunk.join([chunk.body.subarray(0, id)], id)));
  return found;
}

/** A larger buffer is freed once it is not needed. */
const KEPT_BYTES = 262_144;

/** Joins frames for a stream of many executions. Each frame gets the stream's cursor as its id. */
export class FrameBuffer {
  /** Bytes so far. */
  length = 0;
  private bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Adds a frame of `body`. */
  add(body: Buffer, { start, id }: FrameOffsets, cursor: Buffer): void {
    this.reserve(id - start + cursor.length + TAIL_BYTES);
    this.length += body.copy(this.bytes, this.length, start, id);
    this.copyTail(cursor);
  }

  /** Adds the part of a frame after its `sharedPartOf`. */
  addTail(cursor: Buffer): void {
    this.reserve(cursor.length + TAIL_BYTES);
    this.copyTail(cursor);
  }

  /** Returns a copy of the frames. */
  chunk(): HttpChunk {
    return HttpChunk.join([this.bytes.subarray(0, this.length)], this.length);
  }

  private copyTail(cursor: Buffer): void {
    this.length += cursor.copy(this.bytes, this.length);
    this.bytes[this.length++] = LINE_END;
    this.bytes[this.length++] = LINE_END;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(2 * needed);
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
