import { parseExactly } from './exact-integers.js';

it('keeps the digits of inexact integers as strings and leaves other values unchanged', () => {
  expect(
    parseExactly('{"id":9007199254740993,"ids":[-9007199254740993,1],"text":"9007199254740993","n":1.5}'),
  ).toEqual({
    id: '9007199254740993',
    ids: ['-9007199254740993', 1],
    text: '9007199254740993',
    n: 1.5,
  });
  expect(parseExactly('[9223372036854775808,18446744073709551616,9007199254740992]')).toEqual([
    '9223372036854775808',
    '18446744073709551616',
    9007199254740992,
  ]);
  expect(() => parseExactly('{9007199254740993}')).toThrow(SyntaxError);
});

it('keeps numbers that are too large as strings, because JSON.stringify would write them as null', () => {
  expect(
    parseExactly(`{"a":1e400,"b":[-1.5E+999,1e300,1e-999],"c":"1e400","d":${'9'.repeat(400)}.5}`),
  ).toEqual({ a: '1e400', b: ['-1.5E+999', 1e300, 0], c: '1e400', d: `${'9'.repeat(400)}.5` });
});
