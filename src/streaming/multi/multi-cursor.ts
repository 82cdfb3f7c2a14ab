import { sha256 } from '../../common/sha256.js';
import { VarintError, VarintReader, varintLength, VarintWriter } from './varint.js';

/** The first byte of a cursor: the version of the format, for streams by filter and by execution id. */
const BY_FILTER = 1;
const BY_ID = 2;
const FINGERPRINT_BYTES = 6;
const MAX_SEQUENCE = 2_147_483_647;

/** The position of a stream by filter. It refers to executions by ordinal, and to times by transaction (`StatusChange`). */
export interface FilterCursor {
  /** Transaction from which on a change lets an execution join. */
  began: number;
  /** Transaction before which all changes have been processed. */
  horizon: number;
  /** Executions that have joined and have events to come, by ascending ordinal. */
  open: readonly { readonly ordinal: number; readonly position: number }[];
  /** Ordinals of executions whose end was sent and that a poll from `horizon` would find again; ascending. */
  done: readonly number[];
}

/** The text is not a cursor, or it belongs to another stream. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

/** Returns the bytes that identify a filter in its cursors. */
export const fingerprintOf = (filterKey: string): Uint8Array =>
  sha256(filterKey).subarray(0, FINGERPRINT_BYTES);

/** Base64url encodes three bytes as four letters. */
const GROUP_BYTES = 3;
const GROUP_LETTERS = 4;

/**
 * The text of a cursor. From one frame to the next a single position changes, and seldom its length, so a few letters are
 * overwritten instead of encoding the whole cursor (docs/adr/0007).
 */
export class CursorText {
  readonly letters: Buffer;

  /** @param offsets of the positions of executions, by ordinal */
  constructor(
    private readonly writer: VarintWriter,
    private readonly offsets: ReadonlyMap<number, number>,
  ) {
    this.letters = Buffer.from(writer.toString(), 'latin1');
  }

  /**
   * Changes the position of an execution.
   * @returns false if that is not possible; then the text must be discarded and encoded again
   */
  move(ordinal: number, from: number, to: number): boolean {
    const offset = this.offsets.get(ordinal);
    const length = varintLength(to);
    if (offset === undefined || varintLength(from) !== length) return false;
    this.writer.overwrite(offset, to);
    const group = Math.floor(offset / GROUP_BYTES);
    const end = Math.ceil((offset + length) / GROUP_BYTES) * GROUP_BYTES;
    this.letters.write(this.writer.toString(group * GROUP_BYTES, end), group * GROUP_LETTERS, 'latin1');
    return true;
  }

  toString(): string {
    return this.letters.toString('latin1');
  }
}

export function encodeFilterCursor(fingerprint: Uint8Array, cursor: FilterCursor): CursorText {
  const offsets = new Map<number, number>();
  const writer = new VarintWriter()
    .byte(BY_FILTER)
    .raw(fingerprint)
    .number(cursor.began)
    .number(cursor.horizon - cursor.began);
  let before = 0;
  writer.number(cursor.open.length);
  for (const { ordinal, position } of cursor.open) {
    writer.number(ordinal - before);
    offsets.set(ordinal, writer.length);
    writer.number(position);
    before = ordinal;
  }
  before = 0;
  writer.number(cursor.done.length);
  for (const ordinal of cursor.done) {
    writer.number(ordinal - before);
    before = ordinal;
  }
  return new CursorText(writer, offsets);
}

/**
 * Decodes the cursor of a stream by filter.
 * @param max entries of each kind
 * @throws CursorError
 */
export function decodeFilterCursor(text: string, fingerprint: Uint8Array, max: number): FilterCursor {
  return read(text, BY_FILTER, fingerprint, (reader) => {
    const began = reader.number();
    const horizon = began + reader.number();
    if (!Number.isSafeInteger(horizon)) throw new VarintError('a number is too large');
    let ordinal = 0;
    const nextOrdinal = () => {
      const step = reader.number();
      ordinal += step;
      if (step === 0 || !Number.isSafeInteger(ordinal)) throw new VarintError('ordinals must ascend');
      return ordinal;
    };
    const open = Array.from({ length: reader.number(max) }, () => ({
      ordinal: nextOrdinal(),
      position: reader.number(MAX_SEQUENCE),
    }));
    ordinal = 0;
    const done = Array.from({ length: reader.number(max) }, nextOrdinal);
    return { began, horizon, open, done };
  });
}

/**
 * Encodes the cursor of a stream by execution id.
 * @param positions in the order of the executions' ids; their ordinals are 1, 2, 3 …
 */
export function encodeFixedCursor(fingerprint: Uint8Array, positions: readonly number[]): CursorText {
  const offsets = new Map<number, number>();
  const writer = new VarintWriter().byte(BY_ID).raw(fingerprint);
  for (const [index, position] of positions.entries()) {
    offsets.set(index + 1, writer.length);
    writer.number(position);
  }
  return new CursorText(writer, offsets);
}

/**
 * Decodes the cursor of a stream by execution id.
 * @param count of executions on the stream
 * @throws CursorError
 */
export function decodeFixedCursor(text: string, fingerprint: Uint8Array, count: number): number[] {
  return read(text, BY_ID, fingerprint, (reader) =>
    Array.from({ length: count }, () => reader.number(MAX_SEQUENCE)),
  );
}

function read<T>(text: string, kind: number, fingerprint: Uint8Array, body: (reader: VarintReader) => T): T {
  const bytes = Buffer.from(text, 'base64url');
  // Buffer.from skips invalid characters.
  if (bytes.length === 0 || bytes.toString('base64url') !== text)
    throw new CursorError('it is not base64url');
  const reader = new VarintReader(bytes);
  try {
    const found = reader.byte();
    if (found !== BY_FILTER && found !== BY_ID) throw new CursorError('its version is unknown');
    if (found !== kind || Buffer.compare(reader.raw(FINGERPRINT_BYTES), fingerprint) !== 0)
      throw new CursorError('it belongs to a stream with another filter');
    const cursor = body(reader);
    if (!reader.isAtEnd) throw new CursorError('it is too long');
    return cursor;
  } catch (error) {
    if (error instanceof VarintError) throw new CursorError(error.message);
    throw error;
  }
}
