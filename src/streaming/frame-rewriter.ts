import { Chunk } from './chunk.js';
import type { CutFrame } from './sse-frame.js';

const ID = Buffer.from('id: ');
const SEQUENCE = Buffer.from('"sequence":');
const COMMA = Buffer.from(',');
/** What a frame has more than before, beside its cursor and its number. */
const WORDS_BYTES = SEQUENCE.length + COMMA.length;

/** A longer rest of a frame is not copied for each stream: a result of megabytes may have thousands of watchers. */
const SHARED_BYTES = 65_536;
const rests = new WeakMap<Chunk, Chunk>();

/**
 * What is the same on every stream of a long frame: all from its first field on, one copy for all of them.
 * @returns undefined when the chunk holds more than this frame, or it is short
 */
export function restOf(chunk: Chunk, { start, fields, end }: CutFrame): Chunk | undefined {
  if (end - fields < SHARED_BYTES || start !== 0 || end !== chunk.bytes) return undefined;
  let rest = rests.get(chunk);
  if (!rest) rests.set(chunk, (rest = Chunk.join([chunk.body.subarray(fields, end)], end - fields)));
  return rest;
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
  add(body: Buffer, frame: CutFrame, cursor: Buffer): void {
    const { fields, end } = frame;
    this.addHead(body, frame, cursor, end - fields);
    this.copy(body, fields, end);
  }

  /**
   * Adds what comes before `restOf` a frame.
   * @param behind bytes that come behind it
   */
  addHead(body: Buffer, { id, idEnd, fields }: CutFrame, cursor: Buffer, behind = 0): void {
    this.reserve(fields - id + ID.length + cursor.length + WORDS_BYTES + (idEnd - id) + behind);
    this.copy(ID);
    this.copy(cursor);
    this.copy(body, idEnd, fields);
    this.copy(SEQUENCE);
    this.copy(body, id, idEnd);
    this.copy(COMMA);
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
