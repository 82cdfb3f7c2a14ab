import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { eventsIn, GzipWatch } from './support/gzip-watch.js';
import { enlargeResult, insertLargeOutput } from './support/large-results.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, idsIn, pathOf, start, upTo, Watch } from './support/watch.js';

const run = promisify(execFile);
const settings = {
  STREAM_COMPRESSION: 'gzip',
  STREAM_COMPRESSION_MIN_BYTES: '100',
  HEARTBEAT_INTERVAL_MS: '100',
  MAX_STREAMS_PER_EXECUTION: '4',
};
const authorization = `Bearer ${ADMIN_KEY}`;

const MULTI_STREAM = '/api/executions/stream';
const multiStreamOf = (...ids: string[]) => `${MULTI_STREAM}?executionIds=${ids.join()}`;

/** The sequences of one execution on a stream of many executions. */
const sequencesIn = (text: string, id: string): number[] =>
  [...text.matchAll(/^data: (.*)$/gm)]
    .map(([, data]) => JSON.parse(data!) as { executionId: string; sequence: number })
    .filter(({ executionId, sequence }) => executionId === id && sequence > 0)
    .map(({ sequence }) => sequence);

describe('compressed streams', () => {
  let server: Server;
  let database: string;
  /** An execution that has ended, and its stream without compression. */
  let ended: { id: string; plain: string };
  const plainOf = (id: string, query = '', headers: Record<string, string> = {}) =>
    plainAt(pathOf(id) + query, headers);
  const plainAt = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(path, server.url), {
      headers: { authorization, 'accept-encoding': 'identity', ...headers },
    });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(response.headers.get('vary')).toContain('Accept-Encoding');
    return eventsIn(await response.text());
  };
  const metric = async (name: string): Promise<number> => {
    const { text } = await server.call('GET', '/metrics');
    return Number(new RegExp(`^cloutagent_${name} (.*)$`, 'm').exec(text)![1]);
  };
  /** Starts an execution that records some events and then no more. */
  const startLive = () =>
    server.startExecution(
      start([agent('a', { chunks: 20, delayMs: 1 }), agent('b', { hang: true })], [['a', 'b']]),
    );
  const isAtB = (text: string) => /^data: .*"nodeId":"b"/m.test(text);

  beforeAll(async () => {
    database = await createDatabase();
    server = await Server.start({ DATABASE_URL: database, ...settings });
    const id = await server.startExecution(start([agent('a', { chunks: 300, delayMs: 0 })]));
    await new GzipWatch(server.url, pathOf(id)).done();
    ended = { id, plain: await plainOf(id) };
  });
  afterAll(() => server.kill('SIGTERM'));

  it('can be decoded while they arrive, heartbeats too, and end with a valid gzip trailer', async () => {
    const id = await startLive();
    const watches = [1, 2].map(() => new GzipWatch(server.url, pathOf(id)));
    for (const watch of watches) await watch.until(({ text }) => isAtB(text) && /(: ping\n\n){2}/.test(text));
    expect(watches[0]!.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-type': 'text/event-stream; charset=utf-8',
    });
    expect(watches[0]!.headers.vary).toContain('Accept-Encoding');
    await server.call('POST', `/api/executions/${id}/cancel`);
    for (const watch of watches) {
      await watch.done();
      expect(gunzipSync(watch.raw).toString()).toBe(watch.text);
      expect(eventsIn(watch.text)).toBe(await plainOf(id));
      expect(watch.text).toContain('connection:established');
    }
  });

  it('hold the same events in fewer bytes: from the start, resumed and filtered', async () => {
    const saved = await metric('stream_bytes_saved_total');
    const cases: [string, Record<string, string>][] = [
      ['', {}],
      ['', { 'last-event-id': '7' }],
      ['?types=execution:output,execution:completed', {}],
      ['?types=execution:completed', { 'last-event-id': '20' }],
    ];
    for (const [query, headers] of cases) {
      const watch = await new GzipWatch(server.url, pathOf(ended.id) + query, headers).done();
      const plain = await plainOf(ended.id, query, headers);
      expect(plain.length).toBeGreaterThan(0);
      expect(eventsIn(gunzipSync(watch.raw).toString())).toBe(plain);
      if (plain.length > 10_000) expect(watch.raw.length).toBeLessThan(plain.length / 3);
    }
    expect(await metric('stream_bytes_saved_total')).toBeGreaterThan(saved + ended.plain.length / 2);
  });

  const curl = ['-sSN', '-H', `Authorization: ${authorization}`];
  const endedUrl = () => new URL(pathOf(ended.id), server.url).href;

  it('can be read by curl', async () => {
    const { stdout } = await run('curl', [...curl, '--compressed', endedUrl()], { maxBuffer: 1e8 });
    expect(eventsIn(stdout)).toBe(ended.plain);
  });

  it('can be read by gunzip, also when they resume', async () => {
    const tested = `curl "$@" | gunzip -c`;
    const sh = [
      '-c',
      tested,
      'sh',
      ...curl,
      '-H',
      'Accept-Encoding: gzip',
      '-H',
      'Last-Event-ID: 3',
      endedUrl(),
    ];
    const unzipped = await run('sh', sh, { maxBuffer: 1e8 });
    expect(unzipped.stderr).toBe('');
    expect(eventsIn(unzipped.stdout)).toBe(await plainOf(ended.id, '', { 'last-event-id': '3' }));
  });

  // nginx uses HTTP/1.0 by default.
  it('are compressed over HTTP/1.0 too', async () => {
    const old = [...curl, '--http1.0', '--compressed', '-w', '%{size_download}', endedUrl()];
    const { stdout: answer } = await run('curl', old, { maxBuffer: 1e8 });
    expect(eventsIn(answer)).toBe(ended.plain);
    expect(Number(answer.split('\n').at(-1))).toBeLessThan(ended.plain.length / 2);
  });

  it('can be read by fetch', async () => {
    const response = await fetch(endedUrl(), { headers: { authorization } });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(eventsIn(await response.text())).toBe(ended.plain);
  });

  it('can be read by fetch while the execution runs', async () => {
    const live = await fetch(new URL(pathOf(await startLive()), server.url), { headers: { authorization } });
    const reader = live.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!isAtB(text)) text += (await reader.read()).value!;
    await reader.cancel();
  });

  it('lose no event for a slow client, although the data hardly compresses', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 3, delayMs: 0 })]));
    await new GzipWatch(server.url, pathOf(id)).done();
    const last = await insertLargeOutput(database, id);
    const slow = new GzipWatch(server.url, pathOf(id), {}, true);
    await slow.until(({ response }) => response !== undefined);
    while ((await metric('streams_blocked')) === 0) await sleep(20);
    slow.read();
    await slow.done();
    expect(idsIn(slow.text)).toEqual(upTo(last));
    expect(gunzipSync(slow.raw).toString()).toBe(slow.text);
  });

  it('of many executions hold the same events in fewer bytes: from the start, resumed and filtered', async () => {
    const path = multiStreamOf(ended.id);
    const plain = await plainAt(path);
    const cursors = [...plain.matchAll(/^id: (.*)$/gm)].map(([, id]) => id!);
    expect(cursors.length).toBeGreaterThan(300);
    const cases: [string, Record<string, string>][] = [
      [path, {}],
      [path, { 'last-event-id': cursors[7]! }],
      [`${path}&types=execution:output,execution:completed`, { 'last-event-id': cursors[20]! }],
    ];
    for (const [query, headers] of cases) {
      const watch = await new GzipWatch(server.url, query, headers).done();
      expect(watch.headers.vary).toContain('Accept-Encoding');
      expect(watch.headers['content-encoding']).toBe('gzip');
      const expected = await plainAt(query, headers);
      expect(eventsIn(gunzipSync(watch.raw).toString())).toBe(expected);
      expect(watch.raw.length).toBeLessThan(expected.length / 3);
    }
  });

  it('of many executions can be decoded independently while they arrive, heartbeats too', async () => {
    const ids = [await startLive(), await startLive()];
    const watches = [MULTI_STREAM, multiStreamOf(...ids), multiStreamOf(...ids)].map(
      (path) => new GzipWatch(server.url, path),
    );
    const areAtB = (text: string) =>
      ids.every((id) => new RegExp(`^data: .*"executionId":"${id}".*"nodeId":"b"`, 'm').test(text));
    for (const watch of watches)
      await watch.until(({ text }) => areAtB(text) && /(: ping\n\n){2}/.test(text));
    for (const id of ids) await server.call('POST', `/api/executions/${id}/cancel`);
    const ends = (text: string) => text.match(/^event: execution:cancelled$/gm)?.length === ids.length;
    // The server never ends a stream by filter.
    await watches[0]!.until(({ text }) => ends(text));
    await watches[0]!.disconnect();
    for (const watch of watches.slice(1)) {
      await watch.done();
      expect(gunzipSync(watch.raw).toString()).toBe(watch.text);
      for (const id of ids) expect(sequencesIn(watch.text, id)).toEqual(idsIn(await plainOf(id)));
    }
  });

  it('of many executions lose no event for a slow client', async () => {
    const ids = await Promise.all(
      [1, 2].map(() => server.startExecution(start([agent('a', { chunks: 3, delayMs: 0 })]))),
    );
    await new GzipWatch(server.url, multiStreamOf(...ids)).done();
    const last = await insertLargeOutput(database, ids[0]!);
    const { lastSequence } = (await server.call('GET', `/api/executions/${ids[1]}`)).body;
    const slow = new GzipWatch(server.url, multiStreamOf(...ids), {}, true);
    await slow.until(({ response }) => response !== undefined);
    while ((await metric('streams_blocked')) === 0) await sleep(20);
    const quick = await new GzipWatch(server.url, multiStreamOf(...ids)).done();
    slow.read();
    await slow.done();
    for (const { text, raw } of [slow, quick]) {
      expect(ids.map((id) => sequencesIn(text, id))).toEqual([upTo(last), upTo(lastSequence)]);
      expect(gunzipSync(raw).toString()).toBe(text);
    }
  });

  it('of other clients continue after one client disconnects in the middle', async () => {
    const id = await startLive();
    const [left, stays] = [1, 2].map(() => new GzipWatch(server.url, pathOf(id)));
    await left!.until(({ text }) => text.includes('event: execution:started'));
    await left!.disconnect();
    await stays!.until(({ text }) => isAtB(text));
    await server.call('POST', `/api/executions/${id}/cancel`);
    await stays!.done();
    while ((await metric('streams_open')) > 0) await sleep(20);
  });

  it.each(['identity', 'br, deflate', 'gzip;q=0', 'gzip;q=0.5, identity', '*;q=0', ''])(
    'are not compressed for Accept-Encoding: %s',
    async (coding) => {
      expect(await plainOf(ended.id, '', { 'accept-encoding': coding })).toBe(ended.plain);
    },
  );

  it('are sent to clients that refuse identity', async () => {
    const asked = { 'accept-encoding': 'identity;q=0, *;q=0.1' };
    const watch = await new GzipWatch(server.url, pathOf(ended.id), asked).done();
    expect(eventsIn(watch.text)).toBe(ended.plain);
  });

  it('leave problems uncompressed', async () => {
    const id = await startLive();
    const open = upTo(4).map(() => new GzipWatch(server.url, pathOf(id)));
    for (const live of open) await live.until(({ text }) => text.includes('established'));
    const refused = await server.call('GET', pathOf(id));
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_streams' } });
    expect(refused.headers.get('content-encoding')).toBeNull();
    for (const live of open) await live.disconnect();
    await server.call('POST', `/api/executions/${id}/cancel`);
  });
});

it('a compressed stream that reaches its maximum age ends with retry and a valid gzip trailer', async () => {
  const server = await Server.start({
    DATABASE_URL: await createDatabase(),
    ...settings,
    STREAM_MAX_AGE_MS: '500',
  });
  const id = await server.startExecution(start([agent('a', { hang: true })]));
  const { raw, text } = await new GzipWatch(server.url, pathOf(id)).done();
  expect(text).toMatch(/retry: \d+\n\n$/);
  expect(gunzipSync(raw).toString()).toBe(text);
  await server.kill('SIGTERM');
});

describe('a result of several megabytes', () => {
  const streams = 30;
  let server: Server;
  let id: string;
  let result: string;

  beforeAll(async () => {
    const database = await createDatabase();
    server = await Server.start({
      DATABASE_URL: database,
      STREAM_COMPRESSION: 'gzip',
      STREAM_STALL_TIMEOUT_MS: '600000',
    });
    id = await server.startExecution(start([agent('a', { chunks: 3, delayMs: 0 })]));
    await new GzipWatch(server.url, pathOf(id)).done();
    result = await enlargeResult(database, id);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
  });
  const metric = async (name: string): Promise<number> => {
    const { text } = await server.call('GET', '/metrics');
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)![1]);
  };

  it.each([
    ['one execution', 'gzip'],
    ['many executions', 'gzip'],
    ['many executions', 'identity'],
  ])('is in memory once for all blocked streams of %s with the encoding %s', async (of, coding) => {
    const before = await metric('nodejs_external_memory_bytes');
    const types = 'types=execution:completed';
    const path = of === 'one execution' ? `${pathOf(id)}?${types}` : `${multiStreamOf(id)}&${types}`;
    const Kind = coding === 'gzip' ? GzipWatch : Watch;
    const watches = Array.from({ length: streams }, () => new Kind(server.url, path, {}, true));
    while ((await metric('cloutagent_streams_blocked')) < streams);
    // The limit covers the plain result, its shared part on streams of many executions, the compressed result and garbage.
    while ((await metric('nodejs_external_memory_bytes')) - before > 16 * result.length);
    expect(await metric('cloutagent_streams_blocked')).toBe(streams);
    for (const watch of watches) {
      watch.read();
      await watch.done();
      const received =
        watch instanceof Watch
          ? watch.frames.map(({ data }) => data as unknown)
          : [JSON.parse(/^event: execution:completed\ndata: (.*)$/m.exec(watch.text)![1]!)];
      expect(received).toMatchObject([{ executionId: id, result }]);
    }
  });
});

it('streams are not compressed with STREAM_COMPRESSION=off', async () => {
  const server = await Server.start({ DATABASE_URL: await createDatabase(), STREAM_COMPRESSION: 'off' });
  const id = await server.startExecution(start([agent('a', { chunks: 3, delayMs: 0 })]));
  const { status, headers } = await server.call('GET', pathOf(id), undefined, { 'accept-encoding': 'gzip' });
  expect([status, headers.get('content-encoding')]).toEqual([200, null]);
  expect(headers.get('vary') ?? '').not.toContain('Accept-Encoding');
  await server.kill('SIGTERM');
});
