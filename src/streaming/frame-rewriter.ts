import { Chunk } from './chunk.js';
import type { CutFrame } from './sse-frame.js';

const ID = Buffer.from('id: ');
const SEQUENCE = Buffer.from('"sequence":');
const COMMA = Buffer.from(',');
/** What a frame has more than before, beside its cursor and its number. */
const WORDS_BYTES = SEQUENCE.length + COMMA.length;

/** A larger one is given back once it is not needed. */
const KEPT_BYTES = 262_144;

/** Frames of a stream of many executions, while they are joined for one write. */
export class Draft {
  /** Bytes so far. */
  length = 0;
  private bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = Buffer.allocUnsafeSlow(KEPT_BYTES);
  }

  /** Adds a frame that was cut from `body`. */
  add(body: Buffer, { id, idEnd, fields, end }: CutFrame, cursor: Buffer): void {
    this.reserve(end - id + ID.length + cursor.length + WORDS_BYTES + (idEnd - id));
    this.copy(ID);
    this.copy(cursor);
    this.copy(body, idEnd, fields);
    this.copy(SEQUENCE);
    this.copy(body, id, idEnd);
    this.copy(COMMA);
    this.copy(body, fields, end);
  }

  chunk(): Chunk {
    return Chunk.join([this.bytes.subarray(0, this.length)], this.length);
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
