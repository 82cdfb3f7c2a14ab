import { tokenCount } from './token-count.js';

it.each<[number | undefined, number | undefined]>([
  [0, 0],
  [7, 7],
  [10.5, 11],
  [2.25, 3],
  [-1, undefined],
  [-500_000, undefined],
  [1e300, undefined],
  [2 ** 53, undefined],
  [Number.NaN, undefined],
  [Infinity, undefined],
  [undefined, undefined],
])('reads a reported token count of %p as %p', (reported, expected) =>
  expect(tokenCount(reported)).toBe(expected),
);
