import fc from 'fast-check';
import pg from 'pg';
import { int4Array, textArray, uuidArray } from '../src/journal/binary-array.js';

describe('an array in the binary format of PostgreSQL', () => {
  const client = new pg.Client({ connectionString: process.env['TEST_DATABASE_URL'] });
  beforeAll(() => client.connect());
  afterAll(() => client.end());

  const read = async (type: string, array: Buffer): Promise<unknown> =>
    (await client.query<{ value: unknown }>(`SELECT $1::${type} AS value`, [array])).rows[0]!.value;
  /** Texts with everything that the text format would have to escape, except NUL, which text columns cannot hold. */
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '')),
    fc.constantFrom('', 'NULL', '{}', '"', '\\', ',', ' ', "'", '\u2028', '😀', 'x'.repeat(70_000)),
  );
  const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

  it('holds any text', () =>
    fc.assert(
      fc.asyncProperty(fc.array(text), async (values) =>
        expect(await read('text[]', textArray(values))).toEqual(values),
      ),
    ));

  it('holds any integer, and NULL', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.option(int)), async (values) =>
        expect(await read('int[]', int4Array(values))).toEqual(values),
      ),
    ));

  it('holds any id, also several times in a row', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.uuid(), fc.integer({ min: 1, max: 3 }))), async (runs) => {
        const values = runs.flatMap(([id, times]) => Array<string>(times).fill(id));
        expect(await read('uuid[]', uuidArray(values))).toEqual(values);
      }),
    ));

  it('refuses a text that is not a UUID', () => expect(() => uuidArray(['none'])).toThrow('is not a UUID'));
});
