import fc from 'fast-check';
import type { RecordedEvent } from '../../events/recorded-event.js';
import type { BlockRange } from '../frames/block-range.js';
import { blocksOf } from '../frames/frame-block.js';
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

/** Reads the events after a position, block by block. */
function readAfter(
  recent: RecentEvents,
  position: number,
  filter: TypeFilter,
): { text: string; last: number } {
  let text = '';
  for (;;) {
    const range = recent.after(position);
    if (!range) return { text, last: position };
    expect(range.first).toBe(position + 1);
    const { buffers, bytes, whole, last } = range.filtered(filter);
    expect(Buffer.concat(buffers)).toHaveLength(bytes);
    if (whole) expect(whole.framed.toString()).toBe(`${bytes.toString(16)}\r\n${buffers.join('')}\r\n`);
    text += buffers.join('');
    expect(last).toBe(range.last);
    position = last;
  }
}

it('RecentEvents keeps the newest consecutive events within its bytes, returns them by block, and counts dropped events', () => {
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 0, max: 200_000 }),
      fc.integer({ min: 1, max: 70_000 }),
      fc.nat(500),
      (all, maxBytes, blockBytes, after) => {
        const recent = new RecentEvents(maxBytes, blockBytes);
        const events = all.map(eventOf);
        let dropped = 0;
        let range: BlockRange | undefined;
        for (const event of events) {
          const { sequence } = event;
          const bytes = Buffer.byteLength(frameOf(event));
          const before = { first: range?.first, bytes: range?.bytes ?? 0, count: range?.count ?? 0 };
          const added = recent.push(event, range);
          if (added === range)
            expect(added).toMatchObject({
              first: before.first,
              last: sequence,
              bytes: before.bytes + bytes,
              count: before.count + 1,
            });
          else expect(added).toMatchObject({ first: sequence, last: sequence, bytes, count: 1 });
          range = added;
          dropped += recent.drop();
        }
        const frames = events.map(frameOf);
        // The bytes of a replay from the journal are those of the live stream.
        const replayed = blocksOf(events.slice(dropped), blockBytes);
        expect(replayed.map((block) => block.frames(0, block.bytes).toString()).join('')).toBe(
          readAfter(recent, dropped, TypeFilter.of()).text,
        );
        if (after < dropped) expect(recent.after(after)).toBeUndefined();
        else {
          const { text, last } = readAfter(recent, after, TypeFilter.of());
          expect(last).toBe(Math.max(after, events.length));
          expect(text).toBe(frames.slice(after).join(''));
        }
        const types = ['execution:step' as const];
        const steps = frames.filter((_frame, index) => index >= dropped && events[index]!.type === types[0]);
        expect(readAfter(recent, dropped, TypeFilter.of(types)).text).toBe(steps.join(''));
        expect(Buffer.byteLength(frames.slice(dropped).join(''))).toBeLessThanOrEqual(maxBytes);
        // Less than half of each block is unused, except for the last one, which may be nearly empty.
        if (Buffer.byteLength(frames.join('')) < maxBytes / 3) expect(dropped).toBe(0);
      },
    ),
  );
});

it('RecentEvents drops the oldest events when its bytes are reduced', () => {
  const recent = new RecentEvents(100_000, 1_000);
  for (let index = 0; index < 100; index += 1) recent.push(eventOf(50, index));
  expect(recent.drop()).toBe(0);
  const dropped = recent.resize(5_000);
  expect(dropped).toBeGreaterThan(0);
  expect(dropped).toBeLessThan(100);
  expect(recent.after(dropped - 1)).toBeUndefined();
  expect(recent.after(dropped)?.first).toBe(dropped + 1);
  expect(recent.resize(0)).toBe(100 - dropped);
  expect(recent.after(99)).toBeUndefined();
});
