import { parseExactly } from './exact-integers.js';

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
