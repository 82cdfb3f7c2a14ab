import { retryAfterMs } from './retry-after.js';

it.each<[Record<string, string> | undefined, number | undefined]>([
  [undefined, undefined],
  [{}, undefined],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
  [{ 'retry-after-ms': 'soon', 'retry-after': '9' }, 9000],
  [{ 'retry-after': 'soon' }, undefined],
  [{ 'retry-after': '-5' }, undefined],
  [{ 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 0],
])('reads the headers %j as a delay of %p ms', (headers, ms) => expect(retryAfterMs(headers)).toBe(ms));

it('reads a Retry-After date as the time until that date', () => {
  const ms = retryAfterMs({ 'retry-after': new Date(Date.now() + 10_000).toUTCString() });
  expect(ms).toBeGreaterThan(8_000);
  expect(ms).toBeLessThanOrEqual(10_000);
});

it("measures a Retry-After date against the response's own date", () => {
  const date = 'Sun, 06 Nov 1994 08:49:07 GMT';
  expect(retryAfterMs({ date, 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' })).toBe(30_000);
  expect(retryAfterMs({ date, 'retry-after': 'Sun, 06 Nov 1994 08:48:00 GMT' })).toBe(0);
});
