import fc from 'fast-check';
import { EVENT_TYPES, type EventType } from '@cloutagent/contract';
import { encodeEvent } from '../events/encode-event.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { DamagedSegmentError, decodeSegment, encodeSegment } from './segment.js';

const ID = '01a22063-7279-7000-bd06-3fbace3e10e3';
const OTHER_ID = '01a22063-7279-7000-bd06-3fbace3e10e4';

/** Data as the journal has it, and data that only looks like it. PostgreSQL stores no U+0000 and no half of a pair. */
const data = fc.oneof(
  fc
    .record({ chunk: fc.string({ unit: 'binary' }), n: fc.integer() })
    .map((fields) => encodeEvent(ID, 1, { type: 'execution:output', fields } as never).data),
  fc
    .record({
      id: fc.constantFrom(ID, OTHER_ID),
      time: fc.oneof(
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        fc.constantFrom(
          '2026-02-30T00:00:00.000Z',
          '2026-01-01T24:00:00.000Z',
          '2026-01-01 00:00:00.000Z',
          'x',
        ),
      ),
      rest: fc.constantFrom('', '","chunk":"x"}', '"}'),
    })
    .map(({ id, time, rest }) => `{"executionId":"${id}","timestamp":"${time}${rest}`),
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed()),
);
const journal = fc.tuple(
  fc.integer({ min: 1, max: 2_000_000_000 }),
  fc.array(fc.record({ type: fc.constantFrom(...EVENT_TYPES), data }), { minLength: 1, maxLength: 40 }),
);
const recorded = ([first, events]: [number, { type: EventType; data: string }[]]): RecordedEvent[] =>
  events.map((event, index) => ({ sequence: first + index, ...event }));

describe('a segment', () => {
  it('is decoded to the same events', async () => {
    await fc.assert(
      fc.asyncProperty(journal, async (drawn) => {
        const events = recorded(drawn);
        expect(await decodeSegment(ID, drawn[0], await encodeSegment(ID, events))).toEqual(events);
      }),
    );
  });

  it('is never decoded to other events when it is damaged', async () => {
    await fc.assert(
      fc.asyncProperty(journal, fc.nat(), fc.integer({ min: 1, max: 255 }), async (drawn, at, flip) => {
        const events = recorded(drawn);
        const segment = await encodeSegment(ID, events);
        segment[at % segment.length]! ^= flip;
        const decoded = await decodeSegment(ID, drawn[0], segment).catch((error: unknown) => error);
        // A bit of the frame's header may have no meaning.
        if (!(decoded instanceof DamagedSegmentError)) expect(decoded).toEqual(events);
        const cut = decodeSegment(ID, drawn[0], segment.subarray(0, at % segment.length));
        await expect(cut).rejects.toThrow(DamagedSegmentError);
      }),
    );
  });

  it('says what is damaged and what to do', async () => {
    const segment = await encodeSegment(ID, recorded([7, [{ type: 'execution:output', data: '{}' }]]));
    segment[0] = 2;
    await expect(decodeSegment(ID, 7, segment)).rejects.toThrow(
      `the stored events of execution ${ID} from 7 are damaged: restore the row of cloutagent.segments from a backup`,
    );
  });

  it('is small for the tokens of a model', async () => {
    const words = 'The plan carries a clear number of steps for everyone who reads it'.split(' ');
    const events = Array.from({ length: 300 }, (_, index) => ({
      sequence: index + 1,
      type: 'execution:output' as const,
      data: `{"executionId":"${ID}","timestamp":"${new Date(1.8e12 + index * 13).toISOString()}","chunk":" ${words[(index * 7) % words.length]}","stepId":"3a50e455-0fa3-4f30-87b9-ef92ae9ea75e","nodeId":"one"}`,
    }));
    expect((await encodeSegment(ID, events)).length).toBeLessThan(300 * 4);
  });
});
