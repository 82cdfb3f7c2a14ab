import type { ExecutionEvent } from '@cloutagent/client';
import { EventWindow } from './event-window.js';

const events = (from: number, to: number, chunk = 'x') =>
  Array.from(
    { length: to - from + 1 },
    (_unused, index) => ({ sequence: from + index, type: 'execution:output', chunk }) as ExecutionEvent,
  );
const sequences = (window: EventWindow) => window.events.map(({ sequence }) => sequence);
const range = (from: number, to: number) => events(from, to).map(({ sequence }) => sequence);

it('EventWindow grows at both ends without duplicates', () => {
  const window = new EventWindow(100, 300, 1e6);
  window.append(events(11, 20));
  window.append(events(15, 25));
  window.prepend(events(1, 12));
  expect(sequences(window)).toEqual(range(1, 25));
  expect([window.first, window.last, window.isFull]).toEqual([1, 25, false]);
});

it('EventWindow keeps the newest events when there are too many', () => {
  const window = new EventWindow(100, 300, 1e6);
  for (let from = 1; from <= 1_000; from += 10) window.append(events(from, from + 9));
  expect(window.last).toBe(1_000);
  expect(window.events.length).toBeLessThanOrEqual(100);
  expect(sequences(window)).toEqual(range(window.first!, 1_000));
});

it('EventWindow keeps older events that were loaded, as long as they fit', () => {
  const window = new EventWindow(100, 300, 1e6);
  window.append(events(501, 600));
  window.prepend(events(401, 500));
  window.append(events(601, 650));
  expect(sequences(window)).toEqual(range(401, 650));
  window.prepend(events(351, 400));
  expect(window.isFull).toBe(true);
  window.append(events(651, 700));
  expect([window.last, window.events.length]).toEqual([700, 270]);
});

it('EventWindow keeps the newest events when they are too large, and at least one', () => {
  const window = new EventWindow(100, 300, 50_000);
  window.append(events(1, 20, 'x'.repeat(10_000)));
  expect(sequences(window)).toEqual(range(17, 20));
  window.append(events(21, 21, 'x'.repeat(90_000)));
  expect(sequences(window)).toEqual([21]);
});
