import { HttpChunk } from '../frames/http-chunk.js';
import type { FrameOffsets } from '../frames/sse-frame.js';

const SEQUENCE = Buffer.from('"sequence":');
const COMMA = 0x2c;
const LINE_END = 0x0a;
/** Bytes that a rewritten frame has more, apart from its cursor and the digits of its sequence. */
const ADDED_BYTES = SEQUENCE.length + 1;
/** The end of the last line, and of the frame. */
const TAIL_BYTES = 2;

/** Fields of more bytes are not copied for each stream, because a result of megabytes may have thousands of watchers. */
const SHARED_BYTES = 65_536;
const shared = new WeakMap<HttpChunk, HttpChunk>();

/**
 * Returns the part of a long frame that is the same on all streams, from its first field up to its id: one copy for all.
 * @returns undefined if the frame is short, or the chunk holds further frames
 */
export function sharedFieldsOf(
  chunk: HttpChunk,
  { start, fields, id, end }: FrameOffsets,
): HttpChunk | undefined {
  if (id - fields < SHARED_BYTES || start !== 0 || end !== chunk.bytes) return undefined;
  let found = shared.get(chunk);
  if (!found) shared.set(chunk, (found = HttpChunk.join([chunk.body.subarray(fields, id)], id - fields)));
  return found;
}

/** A larger buffer is freed once it is not needed. */
const KEPT_BYTES = 262_144;

/**
 * Joins frames for a stream of many executions. Each frame gets the stream's cursor as its id, and its sequence moves into
 * its data.
 */
export class FrameBuffer {
  /** Bytes so far. */
  length = 0;
  private bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Adds a frame of `body`. */
  add(body: Buffer, frame: FrameOffsets, cursor: Buffer): void {
    const { start, fields, id, idEnd, end } = frame;
    this.reserve(end - start + ADDED_BYTES + (idEnd - id) + cursor.length);
    this.copyHead(body, frame);
    this.copy(body, fields, id);
    this.copyTail(cursor);
  }

  /** Adds the part of a frame before its `sharedFieldsOf`. */
  addHead(body: Buffer, frame: FrameOffsets): void {
    const { start, fields, id, idEnd } = frame;
    this.reserve(fields - start + ADDED_BYTES + (idEnd - id));
    this.copyHead(body, frame);
  }

  /** Adds the part of a frame after its `sharedFieldsOf`. */
  addTail(cursor: Buffer): void {
    this.reserve(cursor.length + TAIL_BYTES);
    this.copyTail(cursor);
  }

  /** Returns a copy of the frames. */
  chunk(): HttpChunk {
    return HttpChunk.join([this.bytes.subarray(0, this.length)], this.length);
  }

  private copyHead(body: Buffer, { start, fields, id, idEnd }: FrameOffsets): void {
    this.copy(body, start, fields);
    this.copy(SEQUENCE);
    this.copy(body, id, idEnd);
    this.bytes[this.length++] = COMMA;
  }

  private copyTail(cursor: Buffer): void {
    this.copy(cursor);
    this.bytes[this.length++] = LINE_END;
    this.bytes[this.length++] = LINE_END;
  }

  private copy(source: Buffer, from = 0, to = source.length): void {
    this.length += source.copy(this.bytes, this.length, from, to);
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(2 * needed);
    this.bytes.copy(bytes, 0, 0, this.length);
    this.bytes = bytes;
  }
}
