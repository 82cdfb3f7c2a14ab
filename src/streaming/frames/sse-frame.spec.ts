import { EVENT_TYPES, type EventType } from '@cloutagent/contract';
import fc from 'fast-check';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { encodeEstablished, frameOf, framesOf } from './sse-frame.js';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '\n\nevent: x\ndata: {',
    '\r\nid: 7\n',
    '"type":"x","sequence":9,',
    '{{{',
    'x'.repeat(20_000),
  ),
);
const events = fc.array(
  fc.record({ sequence: fc.integer({ min: 1 }), type: fc.constantFrom(...EVENT_TYPES), chunk: text }),
  { maxLength: 10 },
);
const recorded = ({
  chunk,
  ...event
}: {
  sequence: number;
  type: EventType;
  chunk: string;
}): RecordedEvent => ({
  ...event,
  data: JSON.stringify({ executionId: 'e', timestamp: 't', chunk }),
});

describe('frameOf', () => {
  it('writes the lines event, data and id, and adds type and sequence to the stored data', () => {
    fc.assert(
      fc.property(events, (all) => {
        for (const event of all) {
          const [first, second, third, ...rest] = frameOf(recorded(event)).split('\n');
          expect(first).toBe(`event: ${event.type}`);
          expect(third).toBe(`id: ${event.sequence}`);
          expect(rest).toEqual(['', '']);
          const { sequence, type, chunk } = event;
          const data = { type, sequence, executionId: 'e', timestamp: 't', chunk };
          expect(second).toBe(`data: ${JSON.stringify(data)}`);
        }
      }),
    );
  });

  it.each([
    ['{}', {}],
    ['{"sequence":9,"type":"x"}', {}],
    [
      '{"a":1,"type":"x","b":{"type":"y","sequence":[]},"sequence":9}',
      { a: 1, b: { type: 'y', sequence: [] } },
    ],
    ['{"a":{"type":"y"},"__proto__":1}', JSON.parse('{"a":{"type":"y"},"__proto__":1}') as object],
  ])('gives the data its own type and sequence if an older version has stored %s', (data, rest) => {
    const [, line] = frameOf({ sequence: 5, type: 'execution:output', data }).split('\n');
    expect(line).toMatch(/^data: {"type":"execution:output","sequence":5[,}]/);
    expect(JSON.parse(line!.slice('data: '.length))).toEqual({
      type: 'execution:output',
      sequence: 5,
      ...rest,
    });
  });

  it('frames a type that only a newer version of the server knows', () => {
    const type = 'execution:of-tomorrow' as EventType;
    expect(frameOf({ sequence: 5, type, data: '{"executionId":"e"}' })).toBe(
      'event: execution:of-tomorrow\ndata: {"type":"execution:of-tomorrow","sequence":5,"executionId":"e"}\nid: 5\n\n',
    );
  });
});

it('framesOf finds the type, the id and the end of each frame, whatever the data contains', () => {
  fc.assert(
    fc.property(events, (all) => {
      const frames = all.map((event) => frameOf(recorded(event)));
      const body = Buffer.from(frames.join(''));
      const found = [...framesOf(body)];
      expect(found.map(({ start, end }) => body.toString('utf8', start, end))).toEqual(frames);
      expect(found.map(({ type, typeEnd }) => body.toString('utf8', type, typeEnd))).toEqual(
        all.map(({ type }) => type),
      );
      expect(found.map(({ id, end }) => body.toString('utf8', id, end))).toEqual(
        all.map(({ sequence }) => `${sequence}\n\n`),
      );
      expect(found.map(({ sequence }) => sequence)).toEqual(all.map(({ sequence }) => sequence));
    }),
  );
});

describe('encodeEstablished', () => {
  const linesOf = (frame: { body: Buffer }): string[] => frame.body.toString().split('\n');

  it('names type and sequence first, and has no id on a stream of one execution', () => {
    const fields = {
      sequence: 7,
      executionId: 'e',
      timestamp: 't',
      message: 'm',
      status: 'running',
    } as const;
    const lines = linesOf(encodeEstablished({ ...fields, lastSequence: 9 }, 1_000));
    expect(lines.slice(1)).toEqual([
      'event: connection:established',
      'data: {"type":"connection:established","sequence":7,"executionId":"e","timestamp":"t","message":"m","status":"running","lastSequence":9}',
      '',
      '',
    ]);
    expect(lines[0]).toMatch(/^retry: \d+$/);
  });

  it('has the cursor as its id on a stream of many executions', () => {
    const fields = { sequence: 0, timestamp: 't', message: 'm', executions: 1, cursor: 'abc' } as const;
    const [, , data, id] = linesOf(encodeEstablished(fields, 1_000));
    expect(data).toContain('{"type":"connection:established","sequence":0,');
    expect(id).toBe('id: abc');
  });
});
