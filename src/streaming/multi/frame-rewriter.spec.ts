import fc from 'fast-check';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from '../frames/http-chunk.js';
import { FrameBuffer, fieldsOf } from './frame-rewriter.js';
import { frameOf, framesOf } from '../frames/sse-frame.js';

const CURSOR = Buffer.from('a-cursor');

it('gives joined frames other ids and their sequence, whatever their data says, and however long they are', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\n\ndata: {', 'id: 7\nevent: x', '}\n\n', 'x'.repeat(200_000)),
  );
  const draft = new FrameBuffer();
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (chunks) => {
      const events = chunks.map((chunk, index): RecordedEvent => ({
        sequence: index * 999 + 1,
        type: 'execution:output',
        data: JSON.stringify({ executionId: 'e', chunk }),
      }));
      const body = Buffer.from(events.map(frameOf).join(''));
      draft.clear();
      const sequences: number[] = [];
      for (const frame of framesOf(body)) {
        draft.add(body, frame, CURSOR);
        sequences.push(frame.sequence);
      }
      expect(sequences).toEqual(events.map(({ sequence }) => sequence));
      expect(draft.chunk().body.toString()).toBe(
        events
          .map(
            ({ sequence, type, data }) =>
              `event: ${type}\ndata: {"sequence":${sequence},${data.slice(1)}\nid: a-cursor\n\n`,
          )
          .join(''),
      );
    }),
  );
});

it('gives a long frame the same words in three pieces, of which the long one is the same for all streams', () => {
  const data = JSON.stringify({ executionId: 'e', chunk: 'x'.repeat(100_000) });
  const chunk = HttpChunk.of(frameOf({ sequence: 12, type: 'execution:output', data }));
  const [frame] = framesOf(chunk.body);
  const whole = new FrameBuffer();
  whole.add(chunk.body, frame!, CURSOR);
  const [head, tail] = [new FrameBuffer(), new FrameBuffer()];
  head.addHead(chunk.body, frame!);
  tail.addTail(CURSOR);
  const fields = fieldsOf(chunk, frame!);
  const pieces = [head.chunk(), fields!, tail.chunk()].map(({ body }) => body);
  expect(Buffer.concat(pieces).equals(whole.chunk().body)).toBe(true);
  expect(fieldsOf(chunk, frame!)).toBe(fields);
});
