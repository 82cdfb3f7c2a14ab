import { sha256 } from '../../common/sha256.js';
import { VarintError, VarintReader, varintLength, VarintWriter } from './varint.js';

/** First byte: the version of what follows, by filter and by name. */
const BY_FILTER = 1;
const BY_NAME = 2;
const FINGERPRINT_BYTES = 6;
const MOST_SEQUENCE = 2_147_483_647;

/** Where a stream by filter stands. Executions go by ordinal, times by transaction (`StatusChange`). */
export interface FilterCursor {
  /** Changes since then make an execution join. */
  began: number;
  /** All changes before were accounted for. */
  horizon: number;
  /** Those that have joined and not ended, by ascending ordinal. */
  open: readonly { readonly ordinal: number; readonly position: number }[];
  /** Those that joined, ended, and would be found again by a look from `horizon`; ascending. */
  done: readonly number[];
}

/** It is not a cursor, or one of another stream. */
export class CursorError extends Error {
  override readonly name = 'CursorError';
}

/** What stands for a filter in its cursors. */
export const fingerprintOf = (filterKey: string): Uint8Array =>
  sha256(filterKey).subarray(0, FINGERPRINT_BYTES);

/** Three bytes are four letters of base64url. */
const GROUP_BYTES = 3;
const GROUP_LETTERS = 4;

/**
 * The text of a cursor, for one frame after the other: from one to the next a single position changes, seldom its
 * length, and then a few letters do.
 */
export class CursorText {
  readonly letters: Buffer;

  /** @param places where the positions of executions begin, by ordinal */
  constructor(
    private readonly writer: VarintWriter,
    private readonly places: ReadonlyMap<number, number>,
  ) {
    this.letters = Buffer.from(writer.toString(), 'latin1');
  }

  /** @returns whether it is right now; if not, it has to be encoded anew */
  move(ordinal: number, from: number, to: number): boolean {
    const place = this.places.get(ordinal);
    const length = varintLength(to);
    if (place === undefined || varintLength(from) !== length) return false;
    this.writer.overwrite(place, to);
    const group = Math.floor(place / GROUP_BYTES);
    const end = Math.ceil((place + length) / GROUP_BYTES) * GROUP_BYTES;
    this.letters.write(this.writer.toString(group * GROUP_BYTES, end), group * GROUP_LETTERS, 'latin1');
    return true;
  }

  toString(): string {
    return this.letters.toString('latin1');
  }
}

export function encodeFilterCursor(fingerprint: Uint8Array, cursor: FilterCursor): CursorText {
  const places = new Map<number, number>();
  const writer = new VarintWriter()
    .byte(BY_FILTER)
    .raw(fingerprint)
    .number(cursor.began)
    .number(cursor.horizon - cursor.began);
  let before = 0;
  writer.number(cursor.open.length);
  for (const { ordinal, position } of cursor.open) {
    writer.number(ordinal - before);
    places.set(ordinal, writer.length);
    writer.number(position);
    before = ordinal;
  }
  before = 0;
  writer.number(cursor.done.length);
  for (const ordinal of cursor.done) {
    writer.number(ordinal - before);
    before = ordinal;
  }
  return new CursorText(writer, places);
}

/**
 * @param most entries it may have of each kind
 * @throws CursorError
 */
export function decodeFilterCursor(text: string, fingerprint: Uint8Array, most: number): FilterCursor {
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
    const open = Array.from({ length: reader.number(most) }, () => ({
      ordinal: nextOrdinal(),
      position: reader.number(MOST_SEQUENCE),
    }));
    ordinal = 0;
    const done = Array.from({ length: reader.number(most) }, nextOrdinal);
    return { began, horizon, open, done };
  });
}

/** @param positions in the order of the executions' ids, which are their ordinals here: 1, 2, 3 … */
export function encodeNamedCursor(fingerprint: Uint8Array, positions: readonly number[]): CursorText {
  const places = new Map<number, number>();
  const writer = new VarintWriter().byte(BY_NAME).raw(fingerprint);
  for (const [index, position] of positions.entries()) {
    places.set(index + 1, writer.length);
    writer.number(position);
  }
  return new CursorText(writer, places);
}

/**
 * @param count how many executions are named
 * @throws CursorError
 */
export function decodeNamedCursor(text: string, fingerprint: Uint8Array, count: number): number[] {
  return read(text, BY_NAME, fingerprint, (reader) =>
    Array.from({ length: count }, () => reader.number(MOST_SEQUENCE)),
  );
}

function read<T>(text: string, kind: number, fingerprint: Uint8Array, body: (reader: VarintReader) => T): T {
  const bytes = Buffer.from(text, 'base64url');
  // Buffer.from passes over what does not belong there.
  if (bytes.length === 0 || bytes.toString('base64url') !== text)
    throw new CursorError('it is not base64url');
  const reader = new VarintReader(bytes);
  try {
    const found = reader.byte();
    if (found !== BY_FILTER && found !== BY_NAME) throw new CursorError('it is of no known version');
    if (found !== kind || Buffer.compare(reader.raw(FINGERPRINT_BYTES), fingerprint) !== 0)
      throw new CursorError('it is of a stream with another filter');
    const cursor = body(reader);
    if (!reader.over) throw new CursorError('it is too long');
    return cursor;
  } catch (error) {
    if (error instanceof VarintError) throw new CursorError(error.message);
    throw error;
  }
}
