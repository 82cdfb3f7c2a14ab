import { Backoff } from './backoff.js';
import { MAX_SERVER_DELAY_MS, parseRetryAfter } from './delay.js';

describe('Backoff', () => {
  it('doubles its ceiling up to maxMs, picks a random delay below it, and starts again after a success', () => {
    const highest = new Backoff(100, 1_000, () => 1);
    expect(Array.from({ length: 6 }, () => highest.next())).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    highest.succeeded();
    expect(highest.next()).toBe(100);
    expect(new Backoff(100, 1_000, () => 0).next()).toBe(0);
  });

  it('stays finite after any number of failures', () => {
    const backoff = new Backoff(100, 1_000, () => 1);
    backoff.failures = 1e6;
    expect(backoff.next()).toBe(1_000);
  });

  it('uses retry: as base and minimum, even above maxMs, but never more than an hour', () => {
    const lowest = new Backoff(100, 1_000, () => 0);
    lowest.retryMs = 5_000;
    expect([lowest.next(), lowest.next()]).toEqual([5_000, 5_000]);
    lowest.retryMs = 1e300;
    expect(lowest.next()).toBe(MAX_SERVER_DELAY_MS);
    const highest = new Backoff(100, 60_000, () => 1);
    highest.retryMs = 3_000;
    expect([highest.next(), highest.next()]).toEqual([3_000, 6_000]);
  });
});

it.each([
  ['5', 5_000],
  [' 0 ', 0],
  ['99999999999', MAX_SERVER_DELAY_MS],
  ['Thu, 01 Jan 1970 00:00:12 GMT', 2_000],
  ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
])('parses Retry-After: %p', (value, ms) => {
  expect(parseRetryAfter(value, 10_000)).toBe(ms);
});
