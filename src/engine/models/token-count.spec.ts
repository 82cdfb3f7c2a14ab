import { countedTokens, tokenCount } from './token-count.js';

it.each<[number | undefined, number | undefined]>([
  [0, 0],
  [7, 7],
  [10.5, 11],
  [2.25, 3],
  [-1, undefined],
  [-500_000, undefined],
  [1e300, undefined],
  [1_000_000_000, 1_000_000_000],
  [1_000_000_001, undefined],
  [2 ** 53, undefined],
  [Number.NaN, undefined],
  [Infinity, undefined],
  [undefined, undefined],
])('reads a reported token count of %p as %p', (reported, expected) =>
  expect(tokenCount(reported)).toBe(expected),
);

it.each([
  [{ input: 100, output: 10, cached: { read: 60, written: 30 }, reasoning: 4 }, undefined],
  [{ input: 10, output: 1 }, undefined],
  [
    { input: 100, output: 10, cached: { read: 80, written: 80 }, reasoning: 11 },
    { input: 100, output: 10, cached: { read: 20, written: 80 }, reasoning: 10 },
  ],
  [
    { input: 5, output: -1, cached: { read: -3, written: Number.NaN }, reasoning: 1e300 },
    { input: 5, output: 0 },
  ],
  [
    { input: 1.2, output: 0.1, cached: { read: 0.5, written: 9 }, reasoning: 0.1 },
    { input: 2, output: 1, cached: { read: 0, written: 2 }, reasoning: 1 },
  ],
])('counts the tokens of a call so that its parts fit the whole: %j', (usage, counted) => {
  expect(countedTokens(usage)).toEqual(counted ?? usage);
});
