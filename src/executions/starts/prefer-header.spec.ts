import { preferredWait } from './prefer-header.js';

it.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['wait=30', 30],
  ['Wait = 30', 30],
  ['wait="10"', 10],
  ['respond-async, wait=100', 100],
  ['handling=lenient; wait=5, wait=7', 7],
  ['wait=1, wait=2', 1],
  ['wait=0', 0],
  ['wait', undefined],
  ['wait=-1', undefined],
  ['wait=1.5', undefined],
  ['wait=soon', undefined],
  ['waiting=30', undefined],
  ['wait=9999999999999', undefined],
])('reads %p as %p', (header, seconds) => {
  expect(preferredWait(header)).toBe(seconds);
});
