import { encodeEvent } from './encode-event.js';
import { parseEvent } from './event-bus.js';

const chunk = { chunk: 'a\nb', stepId: 's', nodeId: 'n' };

it('encodeEvent stores neither type nor sequence, and parseEvent adds both in front', () => {
  const event = encodeEvent('e', 3, { type: 'execution:output', fields: chunk });
  const { timestamp, ...stored } = JSON.parse(event.data) as Record<string, unknown>;
  expect(stored).toEqual({ executionId: 'e', ...chunk });
  expect(JSON.stringify(parseEvent(event))).toBe(
    `{"type":"execution:output","sequence":3,${event.data.slice(1)}`,
  );
  expect(new Date(timestamp as string).toISOString()).toBe(timestamp);
});

it('encodeEvent ignores fields of a module that would replace those of the event', () => {
  const fields = {
    ...chunk,
    executionId: 'of another',
    timestamp: 'never',
    type: 'execution:failed',
    sequence: 99,
    toJSON: () => 'no object',
  };
  const event = encodeEvent('e', 3, { type: 'execution:output', fields });
  expect(parseEvent(event)).toEqual({
    type: 'execution:output',
    sequence: 3,
    executionId: 'e',
    timestamp: expect.stringMatching(/^\d{4}-/),
    ...chunk,
  });
});

it('encodeEvent escapes every character that ends a line for Python', () => {
  const lineEnds = ['\n', '\r', '\v', '\f', '\u001c', '\u001d', '\u001e', '\u0085', '\u2028', '\u2029'];
  const text = `a${lineEnds.join('')}b`;
  const event = encodeEvent('e', 3, { type: 'execution:output', fields: { ...chunk, chunk: text } });
  expect(lineEnds.filter((lineEnd) => event.data.includes(lineEnd))).toEqual([]);
  expect(parseEvent(event)).toMatchObject({ chunk: text });
});

it('parseEvent takes type and sequence from the columns, also if an older version has stored others in the data', () => {
  const data = '{"executionId":"e","timestamp":"t","sequence":99,"type":"execution:failed"}';
  expect(parseEvent({ sequence: 3, type: 'execution:output', data })).toEqual({
    type: 'execution:output',
    sequence: 3,
    executionId: 'e',
    timestamp: 't',
  });
});
