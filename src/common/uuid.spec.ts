import { isUuid, v7 } from './uuid.js';

it('makes UUIDs in the order of the calls, also more than 4,096 within a millisecond', () => {
  const made = Array.from({ length: 20_000 }, () => v7());
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(made.length);
  expect(made.every(isUuid)).toBe(true);
  expect(made[0]).toMatch(/^.{8}-.{4}-7.{3}-[89ab].{3}-.{12}$/);
});

it('keeps the order when the clock goes back', () => {
  const before = v7(Date.now() + 60_000);
  expect(v7() > before).toBe(true);
});
