import { HttpChunk } from '../frames/http-chunk.js';
import type { CutFrame } from '../frames/sse-frame.js';

const SEQUENCE = Buffer.from('"sequence":');
const COMMA = 0x2c;
const LINE_END = 0x0a;
/** What a frame has more than before, beside its cursor and its number. */
const WORDS_BYTES = SEQUENCE.length + 1;
/** The end of a frame's last line, and of the frame. */
const TAIL_BYTES = 2;

/** The fields of a longer frame are not copied for each stream: a result of megabytes may have thousands of watchers. */
const SHARED_BYTES = 65_536;
const shared = new WeakMap<HttpChunk, HttpChunk>();

/**
 * What is the same on every stream of a long frame: all from its first field up to its id, one copy for all of them.
 * @returns undefined when the chunk holds more than this frame, or it is short
 */
export function fieldsOf(chunk: HttpChunk, { start, fields, id, end }: CutFrame): HttpChunk | undefined {
  if (id - fields < SHARED_BYTES || start !== 0 || end !== chunk.bytes) return undefined;
  let found = shared.get(chunk);
  if (!found) shared.set(chunk, (found = HttpChunk.join([chunk.body.subarray(fields, id)], id - fields)));
  return found;
}

/** A larger one is given back once it is not needed. */
const KEPT_BYTES = 262_144;

/** Frames of a stream of many executions, while they are joined for one write. */
export class FrameBuffer {
  /** Bytes so far. */
  length = 0;
  private bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Adds a frame that was cut from `body`. */
  add(body: Buffer, frame: CutFrame, cursor: Buffer): void {
    const { start, fields, id, idEnd, end } = frame;
    this.reserve(end - start + WORDS_BYTES + (idEnd - id) + cursor.length);
    this.copyHead(body, frame);
    this.copy(body, fields, id);
    this.copyTail(cursor);
  }

  /** Adds what comes before `fieldsOf` a frame. */
  addHead(body: Buffer, frame: CutFrame): void {
    const { start, fields, id, idEnd } = frame;
    this.reserve(fields - start + WORDS_BYTES + (idEnd - id));
    this.copyHead(body, frame);
  }

  /** Adds what comes behind `fieldsOf` a frame. */
  addTail(cursor: Buffer): void {
    this.reserve(cursor.length + TAIL_BYTES);
    this.copyTail(cursor);
  }

  chunk(): HttpChunk {
    return HttpChunk.join([this.bytes.subarray(0, this.length)], this.length);
  }

  private copyHead(body: Buffer, { start, fields, id, idEnd }: CutFrame): void {
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
