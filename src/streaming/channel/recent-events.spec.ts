import fc from 'fast-check';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { RecentEvents } from './recent-events.js';
import { frameOf } from '../frames/sse-frame.js';
import { TypeFilter } from '../frames/type-filter.js';

const eventOf = (size: number, index: number): RecordedEvent => ({
  sequence: index + 1,
  type: index % 3 === 0 ? 'execution:step' : 'execution:output',
  // Two bytes each in UTF-8.
  data: JSON.stringify({ chunk: 'é'.repeat(size) }),
});

const sizes = fc.array(fc.oneof(fc.nat(60), fc.nat(900), { weight: 1, arbitrary: fc.nat(9_000) }), {
  maxLength: 400,
});

/** The events behind a position, block by block. */
function readOn(ring: RecentEvents, position: number, filter: TypeFilter): { text: string; last: number } {
  let text = '';
  for (;;) {
    const stretch = ring.after(position);
    if (!stretch) return { text, last: position };
    expect(stretch.first).toBe(position + 1);
    const { pieces, bytes, whole } = stretch.shown(filter);
    expect(Buffer.concat(pieces)).toHaveLength(bytes);
    if (whole) expect(whole.framed.toString()).toBe(`${bytes.toString(16)}\r\n${pieces.join('')}\r\n`);
    text += pieces.join('');
    position = stretch.last;
  }
}

it('holds the latest consecutive events within its bytes, gives them by the block, and says how many are gone', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.nat(500),
      (all, most, blockBytes, after) => {
        const ring = new RecentEvents(most, blockBytes);
        const events = all.map(eventOf);
        let dropped = 0;
        for (const event of events) {
          expect(ring.push(event)).toBe(Buffer.byteLength(frameOf(event)));
          expect(ring.newest?.last).toBe(event.sequence);
          dropped += ring.drop();
        }
        const frames = events.map(frameOf);
        if (after < dropped) expect(ring.after(after)).toBeUndefined();
        else {
          const { text, last } = readOn(ring, after, TypeFilter.of());
          expect(last).toBe(Math.max(after, events.length));
          expect(text).toBe(frames.slice(after).join(''));
        }
        const types = ['execution:step' as const];
        const steps = frames.filter((_frame, index) => index >= dropped && events[index]!.type === types[0]);
        expect(readOn(ring, dropped, TypeFilter.of(types)).text).toBe(steps.join(''));
        expect(Buffer.byteLength(frames.slice(dropped).join(''))).toBeLessThanOrEqual(most);
        // Less than half of a block is left over, and the last one may be nearly empty.
        if (Buffer.byteLength(frames.join('')) < most / 3) expect(dropped).toBe(0);
      },
    ),
  );
});

it('drops what is too much once it may hold less', () => {
  const ring = new RecentEvents(100_000, 1_000);
  for (let index = 0; index < 100; index += 1) ring.push(eventOf(50, index));
  expect(ring.drop()).toBe(0);
  const dropped = ring.resize(5_000);
  expect(dropped).toBeGreaterThan(0);
  expect(dropped).toBeLessThan(100);
  expect(ring.after(dropped - 1)).toBeUndefined();
  expect(ring.after(dropped)?.first).toBe(dropped + 1);
  expect(ring.resize(0)).toBe(100 - dropped);
  expect(ring.after(99)).toBeUndefined();
});
