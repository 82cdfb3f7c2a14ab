import { backoffMs } from './backoff.js';

it('grows exponentially with full jitter, up to the maximum', () => {
  expect(backoffMs(1, 100, 1000, 0, () => 1)).toBe(100);
  expect(backoffMs(4, 100, 1000, 0, () => 0.5)).toBe(400);
  expect(backoffMs(9, 100, 1000, 0, () => 1)).toBe(1000);
});

it('waits as long as the other side asks, up to the maximum', () => {
  expect(backoffMs(1, 100, 1000, 700, () => 0)).toBe(700);
  expect(backoffMs(1, 100, 1000, 9000, () => 0)).toBe(1000);
});
