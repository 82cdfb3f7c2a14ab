import fc from 'fast-check';
import type { RecordedEvent } from '../../events/recorded-event.js';
import { HttpChunk } from '../frames/http-chunk.js';
import { FrameBuffer, sharedPartOf } from './frame-rewriter.js';
import { frameOf, framesOf } from '../frames/sse-frame.js';

const CURSOR = Buffer.from('a-cursor');

it('FrameBuffer gives each frame the cursor as its id and changes nothing else, whatever its data and length', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\n\ndata: {', 'id: 7\nevent: x', '}\n\n', 'x'.repeat(200_000)),
  );
  const frames = new FrameBuffer();
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (chunks) => {
      const events = chunks.map((chunk, index): RecordedEvent => ({
        sequence: index * 999 + 1,
        type: 'execution:output',
        data: JSON.stringify({ executionId: 'e', chunk }),
      }));
      const body = Buffer.from(events.map(frameOf).join(''));
      frames.clear();
      const sequences: number[] = [];
      for (const frame of framesOf(body)) {
        frames.add(body, frame, CURSOR);
        sequences.push(frame.sequence);
      }
      expect(sequences).toEqual(events.map(({ sequence }) => sequence));
      expect(frames.chunk().body.toString()).toBe(
        events
          .map(
            ({ sequence, type, data }) =>
              `event: ${type}\ndata: {"type":"${type}","sequence":${sequence},${data.slice(1)}\nid: a-cursor\n\n`,
          )
          .join(''),
      );
    }),
  );
});

it('a long frame is the same text in two chunks, and the long chunk is one object for all streams', () => {
  const data = JSON.stringify({ executionId: 'e', chunk: 'x'.repeat(100_000) });
  const chunk = HttpChunk.of(frameOf({ sequence: 12, type: 'execution:output', data }));
  const [frame] = framesOf(chunk.body);
  const whole = new FrameBuffer();
  whole.add(chunk.body, frame!, CURSOR);
  const tail = new FrameBuffer();
  tail.addTail(CURSOR);
  const part = sharedPartOf(chunk, frame!);
  const bodies = [part!, tail.chunk()].map(({ body }) => body);
  expect(Buffer.concat(bodies).equals(whole.chunk().body)).toBe(true);
  expect(sharedPartOf(chunk, frame!)).toBe(part);
});
