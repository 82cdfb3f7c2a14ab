import { Chunk } from './chunk.js';

const LINE_END = 0x0a;
const ZERO = 0x30;
const ID = Buffer.from('id: ');
const DATA = Buffer.from('data: {');
const SEQUENCE = Buffer.from('"sequence":');
const COMMA = Buffer.from(',');
/** What a frame has more than before, beside its cursor and its number. */
const WORDS_BYTES = SEQUENCE.length + COMMA.length;

/** Where a frame of one execution's stream is cut: a stream of many has other words there. */
export interface CutFrame {
  readonly sequence: number;
  /** Where its number begins and ends. */
  readonly id: number;
  readonly idEnd: number;
  /** Where the first field of its data begins. */
  readonly fields: number;
  readonly end: number;
}

/** The frames in a buffer that `encodeEvent` made: each has an id, a type and one line of data that is an object. */
export function* framesOf(body: Buffer): Generator<CutFrame> {
  for (let at = 0; at < body.length;) {
    const id = at + ID.length;
    let sequence = 0;
    let idEnd = id;
    for (; body[idEnd] !== LINE_END; idEnd += 1) sequence = sequence * 10 + body[idEnd]! - ZERO;
    const fields = body.indexOf(LINE_END, idEnd + 1) + 1 + DATA.length;
    at = body.indexOf(LINE_END, fields) + 2;
    yield { sequence, id, idEnd, fields, end: at };
  }
}

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
