import fc from 'fast-check';
import type { RecordedEvent } from '../events/recorded-event.js';
import { framesOf } from './frame-rewriter.js';
import { encodeEvent } from './sse-frame.js';

it('cuts joined frames where they were joined, whatever their data says', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\n\ndata: {', 'id: 7\nevent: x', '}\n\n'),
  );
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (chunks) => {
      const events = chunks.map((chunk, index): RecordedEvent => ({
        sequence: index * 999 + 1,
        type: 'execution:output',
        data: JSON.stringify({ executionId: 'e', chunk }),
      }));
      const body = Buffer.concat(events.map((event) => encodeEvent(event).chunk.body));
      const told = [...framesOf(body)].map(({ sequence, head, tail }) => {
        expect(head.toString()).toBe('event: execution:output\ndata: {');
        return { sequence, ...(JSON.parse(`{"x":1,${tail.toString().trimEnd()}`) as object) };
      });
      expect(told).toEqual(
        events.map(({ sequence, data }) => ({ sequence, x: 1, ...(JSON.parse(data) as object) })),
      );
    }),
  );
});
