import fc from 'fast-check';
import {
  CursorError,
  decodeFilterCursor,
  decodeFixedCursor,
  encodeFilterCursor,
  encodeFixedCursor,
  type FilterCursor,
  fingerprintOf,
} from './multi-cursor.js';

const MAX_ENTRIES = 50;
const FILTER = fingerprintOf('a filter');
const position = fc.integer({ min: 0, max: 2_147_483_647 });
const transaction = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 52 }));
const ordinals = fc
  .uniqueArray(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 52 })), {
    maxLength: MAX_ENTRIES,
  })
  .map((list) => list.toSorted((one, other) => one - other));
const filterCursor: fc.Arbitrary<FilterCursor> = fc
  .record({ began: transaction, later: fc.nat(), open: ordinals, done: ordinals, position })
  .map(({ began, later, open, done, position: highest }) => ({
    began,
    horizon: began + later,
    open: open.map((ordinal, index) => ({ ordinal, position: Math.floor(highest / (index + 1)) })),
    done,
  }));

describe('cursors of streams of many executions', () => {
  it('decode to the encoded values, and have one form only', () => {
    fc.assert(
      fc.property(filterCursor, (cursor) => {
        const text = encodeFilterCursor(FILTER, cursor).toString();
        expect(text).toMatch(/^[\w-]+$/);
        expect(decodeFilterCursor(text, FILTER, MAX_ENTRIES)).toEqual(cursor);
      }),
    );
    fc.assert(
      fc.property(fc.array(position, { maxLength: MAX_ENTRIES }), (positions) => {
        expect(
          decodeFixedCursor(encodeFixedCursor(FILTER, positions).toString(), FILTER, positions.length),
        ).toEqual(positions);
      }),
    );
  });

  it('move a position in place, by filter and by id, and report where they cannot', () => {
    const wide = fc.oneof(fc.nat(130), fc.integer({ min: 16_380, max: 16_390 }), position);
    fc.assert(
      fc.property(filterCursor, fc.array(fc.tuple(fc.nat(), wide), { maxLength: 20 }), (cursor, steps) => {
        const open = cursor.open.map((entry) => ({ ...entry }));
        const encodeAgain = () => encodeFilterCursor(FILTER, { ...cursor, open });
        const encodeFixedAgain = () =>
          encodeFixedCursor(
            FILTER,
            open.map((entry) => entry.position),
          );
        let [text, fixed] = [encodeAgain(), encodeFixedAgain()];
        for (const [which, to] of steps) {
          const index = which % Math.max(1, open.length);
          const entry = open[index] ?? { ordinal: 1, position: 0 };
          const moved = text.move(entry.ordinal, entry.position, to);
          expect(fixed.move(index + 1, entry.position, to)).toBe(moved);
          entry.position = to;
          if (!moved) [text, fixed] = [encodeAgain(), encodeFixedAgain()];
          expect(text.toString()).toBe(encodeAgain().toString());
          expect(fixed.toString()).toBe(encodeFixedAgain().toString());
        }
      }),
    );
    const text = encodeFixedCursor(FILTER, [127, 128]);
    expect([text.move(1, 127, 126), text.move(1, 126, 128), text.move(2, 128, 16_383)]).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('are refused with a CursorError, or encode to the same text after decoding, for any input', () => {
    const bytes = fc.uint8Array({ maxLength: 60 }).map((list) => Buffer.from(list).toString('base64url'));
    // A valid cursor with some changed bytes gets further into the decoder than random bytes.
    const damaged = fc
      .tuple(filterCursor, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(5))
      .map(([cursor, changes, cut]) => {
        const list = Buffer.from(encodeFilterCursor(FILTER, cursor).toString(), 'base64url');
        for (const [at, value] of changes) list[at % list.length] = value;
        return list.subarray(0, list.length - cut).toString('base64url');
      });
    fc.assert(
      fc.property(fc.oneof(fc.string(), bytes, damaged), (text) => {
        try {
          expect(encodeFilterCursor(FILTER, decodeFilterCursor(text, FILTER, MAX_ENTRIES)).toString()).toBe(
            text,
          );
        } catch (error) {
          expect(error).toBeInstanceOf(CursorError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('are refused for another filter, for the other kind of stream and with too many entries', () => {
    const cursor = { began: 7, horizon: 9, open: [{ ordinal: 3, position: 4 }], done: [1] };
    const text = encodeFilterCursor(FILTER, cursor).toString();
    expect(() => decodeFilterCursor(text, fingerprintOf('another'), MAX_ENTRIES)).toThrow(CursorError);
    expect(() => decodeFilterCursor(text, FILTER, 0)).toThrow(CursorError);
    expect(() => decodeFixedCursor(text, FILTER, 1)).toThrow(CursorError);
    const fixed = encodeFixedCursor(FILTER, [1, 2]).toString();
    for (const count of [1, 3]) expect(() => decodeFixedCursor(fixed, FILTER, count)).toThrow(CursorError);
  });

  it('take about four bytes per execution', () => {
    const open = Array.from({ length: 200 }, (_unused, n) => ({
      ordinal: 50_000 + 2 * n,
      position: 100 + n,
    }));
    const text = encodeFilterCursor(FILTER, { began: 1e9, horizon: 1e9 + 1e6, open, done: [] }).letters;
    expect(text.length).toBeLessThan(1_000);
  });
});
