import fc from 'fast-check';
import { isDeeperThan } from './json-depth.js';
import { jsonShape } from './json-shape.js';

const shapeOf = (json: string) => jsonShape(Buffer.from(json));

/** Counts the parts by walking over the parsed value. */
function partsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const items = Object.values(value);
  const own = Array.isArray(value) ? 1 : 1 + items.length;
  return items.reduce<number>((sum, item) => sum + partsOf(item), own);
}

it('counts arrays, objects and members and measures their depth, whatever strings contain', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, stringUnit: 'binary' }), fc.nat(3), (json, indent) => {
      const value = JSON.parse(json) as unknown;
      const { depth, parts } = shapeOf(JSON.stringify(value, null, indent));
      expect(parts).toBe(partsOf(value));
      expect(isDeeperThan(value, depth)).toBe(false);
      if (depth > 0) expect(isDeeperThan(value, depth - 1)).toBe(true);
    }),
  );
});

it.each([
  ['', 0, 0],
  ['"[{:"', 0, 0],
  ['"\\\\"', 0, 0],
  ['["\\"[", {"a:": [1e-5]}]', 3, 4],
  [']]]][[', 0, 2],
  ['"no end [[[', 0, 0],
])('measures %s', (json, depth, parts) => expect(shapeOf(json)).toMatchObject({ depth, parts }));

it.each<[string, string | undefined]>([
  ['9007199254740993', '9007199254740993'],
  ['{"a":[1,-12345678901234567890]}', '-12345678901234567890'],
  [`[${'9'.repeat(400)}]`, '9'.repeat(400)],
  ['9223372036854775808', '9223372036854775808'],
  ['[18446744073709551616]', '18446744073709551616'],
  ['-1152921504606847232', '-1152921504606847232'],
  ['[00000000000000000001]', undefined],
  ['9007199254740991', undefined],
  ['9007199254740992', undefined],
  ['100000000000000000', undefined],
  ['"9007199254740993"', undefined],
  ['"a \\" 9007199254740993"', undefined],
  ['{"9007199254740993":1}', undefined],
  ['0.12345678901234567890', undefined],
  ['12345678901234567890.5', undefined],
  ['1.7976931348623157e308', undefined],
  ['1e400', undefined],
  ['[12345678901234567890e0,1e300]', undefined],
  ['{"deep":[{"er":[-9007199254740993]}]}', '-9007199254740993'],
])('finds the inexact integer in %s', (json, expected) => expect(shapeOf(json).inexact).toBe(expected));
