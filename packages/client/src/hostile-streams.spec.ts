import { gzipSync } from 'node:zlib';
import { frame, type ScriptedAnswer, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';
import type { ClientOptions } from './options.js';

const END: ScriptedAnswer = { status: 204 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const each = (text: string): Uint8Array[] => Array.from(bytes(text), (byte) => Uint8Array.of(byte));
const data = (chunk: string): string => JSON.stringify({ type: 'e', sequence: 1, executionId: 'x', chunk });

/** Reads a stream from a server that gives these answers. `seen` has the events as `sequence:chunk`. */
async function read(answers: ScriptedAnswer[], options: Partial<ClientOptions> = {}) {
  const server = await ScriptedStream.start(...answers);
  const client = new CloutAgent({
    baseUrl: server.url,
    reconnect: { baseMs: 1, maxMs: 2 },
    ...options,
  });
  const stream = client.executions.stream('x');
  const seen: string[] = [];
  let error: unknown;
  try {
    for await (const event of stream) seen.push(`${event.sequence}:${'chunk' in event ? event.chunk : ''}`);
  } catch (thrown) {
    error = thrown;
  }
  await server.close();
  const resumedAt = server.requests.map(({ headers }) => headers['last-event-id']);
  return { seen, error, resumedAt, requests: server.requests, state: stream.state };
}

const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
const cr = (text: string): string => text.replaceAll('\n', '\r');

/** By the parsing rules of the HTML Standard, section 9.2.6. */
const STREAMS: [name: string, chunks: (string | Uint8Array)[], seen: string[]][] = [
  ['LF', [frame(1, 'a'), frame(2, 'b')], ['1:a', '2:b']],
  ['CRLF', [crlf(frame(1, 'a') + frame(2, 'b'))], ['1:a', '2:b']],
  ['CR, also as the last byte', [cr(frame(1, 'a') + frame(2, 'b'))], ['1:a', '2:b']],
  ['all three mixed', [cr(frame(1, 'a')), crlf(frame(2, 'b')), frame(3, 'c')], ['1:a', '2:b', '3:c']],
  ['CRLF cut between CR and LF', crlf(frame(1, 'a')).split(/(?<=\r)/), ['1:a']],
  [
    'a CR at the end of a chunk, then LF LF',
    ['id: 1\r', `\nevent: e\r\ndata: ${data('a')}\r`, '\n\n'],
    ['1:a'],
  ],
  ['one byte at a time', each(frame(1, 'aé漢🙂') + crlf(frame(2, 'b'))), ['1:aé漢🙂', '2:b']],
  ['a byte order mark', ['\uFEFF' + frame(1, 'a')], ['1:a']],
  ['a byte order mark in single bytes', each('\uFEFF' + frame(1, 'a')), ['1:a']],
  ['a second byte order mark makes its line invalid', ['\uFEFF\uFEFFdata: x\n\n', frame(1, 'a')], ['1:a']],
  [
    'broken UTF-8',
    [bytes(`id: 1\nevent: e\ndata: ${data('').slice(0, -2)}`), Uint8Array.of(0xff, 0xc3), '"}\n\n'],
    ['1:��'],
  ],
  ['NUL in an id: the id is ignored', ['id: 1\0\nevent: e\ndata: {}\n\n', frame(1, 'a')], ['1:a']],
  ['NUL in data', [frame(1, 'a\0b')], ['1:a\0b']],
  [
    'an empty id: not a recorded event, and the position is kept',
    [frame(1, 'a'), 'id\nevent: e\ndata: {}\n\n', frame(2, 'b')],
    ['1:a', '2:b'],
  ],
  [
    'an id that is not a number',
    ['id: 1e3\nevent: e\ndata: {}\n\n', 'id: -1\nevent: e\ndata: {}\n\n', frame(1, 'a')],
    ['1:a'],
  ],
  [
    'comments and heartbeats',
    [': ping\n\n', ':\n', `:${'x'.repeat(500)}\n`, frame(1, 'a'), ': ping\n\n'],
    ['1:a'],
  ],
  ['unknown fields, fields without colon, wrong case', ['foo: bar\nbaz\nData: no\n', frame(1, 'a')], ['1:a']],
  [
    'a space before the colon makes another field name',
    [`id : 7\nid: 1\nevent: e\ndata:${data('a')}\n\n`],
    ['1:a'],
  ],
  ['only the first space after the colon is removed', [`id:1\nevent:e\ndata:  ${data(' a')}\n\n`], ['1: a']],
  [
    'data on several lines',
    [
      'id: 1\nevent: e\ndata: {\ndata: "chunk":\ndata: "a",\ndata: "type":"e","sequence":1,"executionId":"x"}\n\n',
    ],
    ['1:a'],
  ],
  [
    'two ids and two events: the last one counts',
    [`id: 9\nid: 1\nevent: no\nevent: e\ndata: ${data('a')}\n\n`],
    ['1:a'],
  ],
  ['an event without data is not an event', ['id: 9\nevent: e\n\n', frame(1, 'a')], ['1:a']],
  [
    'an event without a type is not a recorded event',
    [`id: 9\ndata: ${data('z')}\n\n`, frame(1, 'a')],
    ['1:a'],
  ],
  ['no blank line at the end: the event is dropped', [frame(1, 'a'), frame(2, 'b').slice(0, -1)], ['1:a']],
  [
    'the same events again',
    [frame(1, 'a'), frame(2, 'b'), frame(1, 'a'), frame(2, 'b'), frame(3, 'c')],
    ['1:a', '2:b', '3:c'],
  ],
  ['malformed retry fields', ['retry: soon\n\nretry: -1\n\nretry: 1e9\n\nretry\n\n', frame(1, 'a')], ['1:a']],
  [
    'member names that are special in JavaScript',
    [`id: 1\nevent: e\ndata: {"__proto__":{"x":1},"constructor":7,${data('a').slice(1)}\n\n`],
    ['1:a'],
  ],
];

describe('streams by the rules of the HTML Standard', () => {
  it.each(STREAMS)('%s', async (_name, chunks, seen) => {
    const result = await read([{ chunks }, END]);
    expect(result.seen).toEqual(seen);
    expect(result.state).toEqual({ status: 'closed', reason: 'ended' });
    // The stream resumes after the last complete event.
    expect(result.resumedAt).toEqual([undefined, seen.at(-1)!.split(':')[0]]);
  });
});

describe('streams that break', () => {
  it('resumes after the last complete event when the connection is cut inside one', async () => {
    const { seen, resumedAt } = await read([
      { chunks: [frame(1, 'a'), frame(2, 'b').slice(0, 30)], ending: 'cut' },
      { chunks: [frame(2, 'b'), frame(3, '', 'execution:completed')] },
    ]);
    expect(seen).toEqual(['1:a', '2:b', '3:']);
    expect(resumedAt).toEqual([undefined, '1']);
  });

  it('ends at the terminal event, even if more events follow', async () => {
    const { seen, requests, state } = await read([
      { chunks: [frame(1, '', 'execution:failed') + frame(2, 'ghost')], ending: 'hang' },
    ]);
    expect(seen).toEqual(['1:']);
    expect(requests).toHaveLength(1);
    expect(state).toEqual({ status: 'closed', reason: 'ended' });
  });

  it('reconnects from before a gap', async () => {
    const { seen, resumedAt } = await read([
      { chunks: [frame(1, 'a'), frame(3, 'c')], ending: 'hang' },
      { chunks: [frame(2, 'b'), frame(3, 'c')] },
      END,
    ]);
    expect(seen).toEqual(['1:a', '2:b', '3:c']);
    expect(resumedAt).toEqual([undefined, '1', '3']);
  });

  it('gives up on a gap that stays', async () => {
    const { error, requests } = await read([{ chunks: [frame(1, 'a'), frame(3, 'c')] }]);
    expect(error).toMatchObject({ name: 'CloutAgentError', code: 'sequence_gap' });
    expect(requests).toHaveLength(5);
  });

  it.each(['nonsense', '[', '"text"', 'null', '7', '[1]'])(
    'reconnects when the data is not an object: %s',
    async (text) => {
      const broken = { chunks: [frame(1, 'a'), `id: 2\nevent: execution:output\ndata: ${text}\n\n`] };
      const { seen, resumedAt } = await read([broken, { chunks: [frame(2, 'b')] }, END]);
      expect(seen).toEqual(['1:a', '2:b']);
      expect(resumedAt).toEqual([undefined, '1', '2']);
      expect((await read([broken])).error).toMatchObject({ code: 'invalid_event' });
    },
  );

  it.each([
    ['no type', { type: undefined }],
    ['another type than the frame', { type: 'execution:thinking' }],
    ['no sequence', { sequence: undefined }],
    ['another sequence than the id', { sequence: 3 }],
    ['a sequence that is not a number', { sequence: '2' }],
    ['no executionId', { executionId: undefined }],
  ])('reconnects when the data has %s', async (_what, more) => {
    const broken = { chunks: [frame(1, 'a'), frame(2, 'b', 'execution:output', more)] };
    const { seen, resumedAt } = await read([broken, { chunks: [frame(2, 'b')] }, END]);
    expect(seen).toEqual(['1:a', '2:b']);
    expect(resumedAt).toEqual([undefined, '1', '2']);
    expect((await read([broken])).error).toMatchObject({ code: 'invalid_event' });
  });

  it('reads a compressed stream, and reconnects when one is cut', async () => {
    const whole = gzipSync(frame(1, 'a') + frame(2, 'b'));
    const headers = { 'content-encoding': 'gzip' };
    const cut = { headers, chunks: [whole.subarray(0, whole.length - 12)], ending: 'cut' } as const;
    const { seen } = await read([cut, { headers, chunks: [whole] }, END]);
    expect(seen).toEqual(['1:a', '2:b']);
  });

  it('follows a redirect', async () => {
    const { seen, requests } = await read([
      { status: 307, headers: { location: '/elsewhere' } },
      { chunks: [frame(1, '', 'execution:completed')] },
    ]);
    expect(seen).toEqual(['1:']);
    expect(requests[1]?.url).toBe('/elsewhere');
  });

  it.each([
    ['text/html', 200],
    ['application/json', 200],
    ['text/event-streams', 200],
    ['', 200],
    ['text/event-stream', 201],
  ])('refuses content type "%s" with status %i', async (type, status) => {
    const { error, requests, state } = await read([{ status, headers: { 'content-type': type } }]);
    expect(error).toMatchObject({ code: 'invalid_response', status });
    expect(requests).toHaveLength(1);
    expect(state).toMatchObject({ status: 'closed', reason: 'refused', error: { code: 'invalid_response' } });
  });

  it('accepts a content type with parameters', async () => {
    const headers = { 'content-type': 'Text/Event-Stream ; charset=UTF-8' };
    expect((await read([{ headers, chunks: [frame(1, 'a')] }, END])).seen).toEqual(['1:a']);
  });
});

describe('large events', () => {
  const limit = { maxEventBytes: 1_000 };
  const sized = (size: number, character = 'x'): string => {
    const rest = bytes(
      frame(2, '').slice('event: execution:output\ndata: '.length, -'\nid: 2\n\n'.length),
    ).length;
    return frame(2, character.repeat(Math.floor((size - rest) / bytes(character).length)));
  };

  it('accepts an event of exactly the limit', async () => {
    expect((await read([{ chunks: [frame(1, 'a'), sized(1_000)] }, END], limit)).seen).toHaveLength(2);
  });

  it.each([
    ['in one write', [sized(1_001)]],
    ['counted in bytes, not characters', [sized(1_020, '漢')]],
    ['in many writes', sized(200_000).match(/[^]{1,1000}/g)!],
    ['without an end', ['id: 2\ndata: ', ...Array.from({ length: 50 }, () => 'x'.repeat(1_000))]],
    ['of many lines', ['id: 2\n', ...Array.from({ length: 50 }, () => `data: ${'x'.repeat(100)}\n`)]],
    ['as a field name', ['x'.repeat(50_000)]],
    ['as a comment', [':', ...Array.from({ length: 50 }, () => ' '.repeat(1_000))]],
  ])('refuses a larger event, %s, after yielding the events before it', async (_name, chunks) => {
    const answer = { chunks: [frame(1, 'a'), ...chunks], ending: 'hang' } as const;
    const { seen, error, requests } = await read([answer], limit);
    expect(seen).toEqual(['1:a']);
    expect(error).toMatchObject({ code: 'event_too_large', message: expect.stringContaining('1000 bytes') });
    expect(requests).toHaveLength(1);
  });
});
