import fc from 'fast-check';
import { EVENT_TYPES, type EventType } from '@cloutagent/contract';
import { encodeEvent } from '../events/encode-event.js';
import { dataOf, toStored } from './stored-event.js';

const ID = '01a22063-7279-7000-bd06-3fbace3e10e3';
const OTHER_ID = '01a22063-7279-7000-bd06-3fbace3e10e4';
const STEP_ID = '01a22063-7279-7000-bd06-3fbace3e10e5';

const chunk = fc.string({ unit: 'binary' });
/** Data as the journal has it. */
const real = fc
  .record({
    type: fc.constantFrom<EventType>('execution:output', 'execution:thinking'),
    chunk,
    stepId: fc.uuid(),
    nodeId: fc.stringMatching(/^[A-Za-z0-9][\w.:-]{0,127}$/),
  })
  .map(({ type, ...fields }) => encodeEvent(ID, 1, { type, fields } as never));
/** Data that only looks like it. */
const similar = fc
  .record({
    type: fc.constantFrom(...EVENT_TYPES),
    id: fc.constantFrom(ID, OTHER_ID, ID.toUpperCase()),
    time: fc.constantFrom(
      '2026-11-28T00:00:00.000Z',
      '1971-01-01T00:00:00.000Z',
      '1969-01-01T00:00:00.000Z',
      '2090-01-01T00:00:00.000Z',
      '2026-02-30T00:00:00.000Z',
      '2026-01-01 00:00:00.000Z',
      '{026-11-28T00:00:00.000Z',
      'x',
    ),
    stepId: fc.constantFrom(STEP_ID, STEP_ID.toUpperCase(), 'step', `${STEP_ID}0`),
    nodeId: fc.constantFrom('one', 'a"b', 'a\\"b', '', 'é'),
    chunk: chunk.map((text) => JSON.stringify(text)),
    more: fc.constantFrom('', ',"x":1', ',"chunk":"y"', `,"stepId":"${STEP_ID}","nodeId":"two"`),
  })
  .map(({ type, id, time, chunk: text, stepId, nodeId, more }) => ({
    sequence: 1,
    type,
    data: `{"executionId":"${id}","timestamp":"${time}","chunk":${text},"stepId":"${stepId}","nodeId":"${nodeId}"${more}}`,
  }));

describe('the stored form of an event', () => {
  it('is read as the same data', () => {
    fc.assert(
      fc.property(fc.oneof(real, similar), (event) => {
        const stored = toStored(ID, event);
        expect({ ...stored, data: dataOf(ID, stored.data) }).toEqual(event);
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves out 132 bytes of each chunk', () => {
    fc.assert(
      fc.property(real, (event) => {
        const stored = toStored(ID, event);
        expect(Buffer.byteLength(event.data) - Buffer.byteLength(stored.data)).toBe(132);
        expect(stored.data).not.toMatch(/^\{/);
      }),
    );
  });

  it('is the data itself for other events', () => {
    const event = encodeEvent(ID, 1, { type: 'execution:started', fields: {} } as never);
    expect(toStored(ID, event)).toBe(event);
  });
});
