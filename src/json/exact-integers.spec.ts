import { inexactInteger, parseExactly } from './exact-integers.js';

it.each<[string, string | undefined]>([
  ['9007199254740993', '9007199254740993'],
  ['{"a":[1,-12345678901234567890]}', '-12345678901234567890'],
  [`[${'9'.repeat(400)}]`, '9'.repeat(400)],
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
])('finds what is not exact in %s', (json, expected) =>
  expect(inexactInteger(JSON.parse(json), () => json)).toBe(expected),
);

it('keeps the digits of what is not exact, and all else as it is', () => {
  expect(
    parseExactly('{"id":9007199254740993,"ids":[-9007199254740993,1],"text":"9007199254740993","n":1.5}'),
  ).toEqual({
    id: '9007199254740993',
    ids: ['-9007199254740993', 1],
    text: '9007199254740993',
    n: 1.5,
  });
  expect(() => parseExactly('{9007199254740993}')).toThrow(SyntaxError);
});
