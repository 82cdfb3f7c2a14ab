import { EventSourceParserStream } from 'eventsource-parser/stream';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, ids, idsIn, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

let database: string;
let server: Server;
beforeAll(async () => {
  database = await createDatabase();
  server = await Server.start({ DATABASE_URL: database });
});
afterAll(() => server.kill());

const STREAM = { accept: 'text/event-stream' };
const quick = start([agent('a', { chunks: 20 })]);
const approval = start([{ id: 'ask', type: 'approval', data: { config: {} } }]);
const idOf = ({ headers }: Watch): string => headers.location!.split('/').at(-1)!;
const makeKey = async (scopes: string[], projects = ['demo']) => {
  const { key } = (await server.call('POST', '/api/keys', { name: 'k', projects, scopes })).body;
  return { authorization: `Bearer ${key}` };
};
const byTag = async (tag: string) => (await server.call('GET', `/api/executions?tag=${tag}`)).body.executions;

async function rawStart(url: string, body: object, headers: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  const text = JSON.stringify(body);
  socket.write(
    `POST /api/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\n` +
      `Accept: text/event-stream\r\n${headers}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return socket;
}

const readAll = async (socket: Socket): Promise<Buffer> => {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  await once(socket, 'close');
  return Buffer.concat(parts);
};

describe('POST /api/executions with Accept: text/event-stream', () => {
  it('answers with the whole stream, the same frames as the stream of the execution', async () => {
    const watch = await Watch.ofStart(server.url, quick).done();
    expect(watch.status).toBe(200);
    expect(watch.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
      'cache-control': expect.stringContaining('no-store') as string,
      location: expect.stringMatching(/^\/api\/executions\/[0-9a-f-]{36}$/) as string,
    });
    const id = idOf(watch);
    expect(watch.established).toMatchObject({ executionId: id, sequence: 0 });
    // A process may have taken it before its stream was open.
    expect(['queued', 'running']).toContain(watch.established!['status']);
    expect(watch.established!.id).toBeUndefined();
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    const later = await new Watch(server.url, pathOf(id)).done();
    expect(watch.frames).toEqual(later.frames);
  });

  it('sends the bytes of a stream on a connection that closes after it', async () => {
    const text = (await readAll(await rawStart(server.url, quick, ''))).toString();
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/\r\nConnection: close\r\n/i);
    expect(text).toMatch(/\r\n\r\n[0-9a-f]+\r\nretry: \d+\nevent: connection:established\n/);
    const sent = idsIn(text);
    expect(sent).toEqual(upTo(sent.length));
    expect(text.endsWith('\r\n0\r\n\r\n')).toBe(true);
  });

  it('is read by fetch and a third-party parser', async () => {
    const response = await fetch(new URL('/api/executions', server.url), {
      method: 'POST',
      headers: { ...STREAM, authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(quick),
    });
    const events: string[] = [];
    const parsed = response
      .body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { event } of parsed) events.push(event ?? '');
    expect([events[0], events.at(-1)]).toEqual(['connection:established', 'execution:completed']);
  });

  it.each<[accept: string, type: string]>([
    ['text/event-stream', 'text/event-stream'],
    ['TEXT/EVENT-STREAM', 'text/event-stream'],
    ['text/event-stream; charset=utf-8', 'text/event-stream'],
    ['text/event-stream, */*', 'text/event-stream'],
    ['text/event-stream, application/json', 'text/event-stream'],
    ['text/event-stream, application/json;q=0.9', 'text/event-stream'],
    ['application/json;q=0.5, text/event-stream', 'text/event-stream'],
    ['text/*', 'text/event-stream'],
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['application/json, text/event-stream', 'application/json'],
    ['text/event-stream;q=0.9, application/json', 'application/json'],
    ['text/event-stream;q=0', 'application/json'],
    ['text/event-stream;q=0, */*', 'application/json'],
    ['text/event-stream;q=0.1, */*', 'application/json'],
    ['text/html', 'application/json'],
    ['text/event-streams', 'application/json'],
    [';;,,=', 'application/json'],
  ])('answers Accept: %s with %s', async (accept, type) => {
    const response = await fetch(new URL('/api/executions', server.url), {
      method: 'POST',
      headers: { accept, authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(approval),
    });
    expect(response.headers.get('content-type')).toContain(type);
    expect(response.status).toBe(type === 'application/json' ? 202 : 200);
    await response.body!.cancel();
  });

  it('resumes on the stream of the execution with the last id', async () => {
    const first = await Watch.ofStart(server.url, start([agent('a', { chunks: 50, delayMs: 5 })])).until(
      ({ frames }) => frames.length >= 10,
    );
    first.close();
    const seen = first.frames.at(-1)!.id;
    const rest = await new Watch(server.url, pathOf(idOf(first)), { 'last-event-id': String(seen) }).done();
    expect([...ids(first.frames), ...ids(rest.frames)]).toEqual(upTo(rest.frames.at(-1)!.id));
    expect(rest.frames.at(-1)!.type).toBe('execution:completed');
  });

  it('streams the first execution from its start when a key is repeated, or from Last-Event-ID', async () => {
    const key = { 'idempotency-key': 'stream-twice' };
    const first = await Watch.ofStart(server.url, quick, key).done();
    const again = await Watch.ofStart(server.url, quick, key).done();
    expect([idOf(again), again.headers['idempotency-replayed']]).toEqual([idOf(first), 'true']);
    expect(again.frames).toEqual(first.frames);
    const rest = await Watch.ofStart(server.url, quick, { ...key, 'last-event-id': '5' }).done();
    expect(rest.frames).toEqual(first.frames.slice(5));
    const byQuery = await Watch.ofStart(server.url, quick, key, '?lastEventId=5').done();
    expect(byQuery.frames).toEqual(rest.frames);
    const end = String(first.frames.at(-1)!.id);
    const nothing = await server.call('POST', '/api/executions', quick, {
      ...STREAM,
      ...key,
      'last-event-id': end,
    });
    expect([nothing.status, nothing.text]).toEqual([204, '']);
    expect(nothing.headers.get('location')).toBe(`/api/executions/${idOf(first)}`);
    const json = await server.call('POST', '/api/executions', quick, key);
    expect([json.status, json.body.id]).toEqual([202, idOf(first)]);
  });

  it('filters by type', async () => {
    const watch = await Watch.ofStart(
      server.url,
      quick,
      {},
      '?types=execution:step,execution:completed',
    ).done();
    expect(new Set(watch.frames.map(({ type }) => type))).toEqual(
      new Set(['execution:step', 'execution:completed']),
    );
  });

  it.each<
    [
      title: string,
      headers: Record<string, string>,
      query: string,
      body: object,
      status: number,
      code: string,
    ]
  >([
    ['a wrong body', {}, '', { ...quick, tags: 7 }, 400, 'validation_failed'],
    ['a workflow that cannot run', {}, '', start([{ id: 'x', type: 'nothing' }]), 400, 'validation_failed'],
    ['a missing saved workflow', {}, '', { projectId: 'demo', workflowRef: 'none' }, 404, 'not_found'],
    ['a wrong type', {}, '?types=nothing', quick, 400, 'validation_failed'],
    ['an unknown parameter', {}, '?format=x', quick, 400, 'validation_failed'],
    ['a ticket', {}, '?ticket=x', quick, 400, 'validation_failed'],
    ['a wrong key', { 'idempotency-key': 'a b' }, '', quick, 400, 'validation_failed'],
    ['a Last-Event-ID without a key', { 'last-event-id': '5' }, '', quick, 400, 'invalid_last_event_id'],
    [
      'a Last-Event-ID that is none',
      { 'last-event-id': 'x', 'idempotency-key': 'n' },
      '',
      quick,
      400,
      'invalid_last_event_id',
    ],
    ['a wrong credential', { authorization: 'Bearer nothing' }, '', quick, 401, 'invalid_credentials'],
  ])('answers %s with a problem, and starts nothing', async (_title, headers, query, body, status, code) => {
    const tags = ['tags' in body ? 7 : 'problem'];
    const answer = await server.call(
      'POST',
      `/api/executions${query}`,
      'tags' in body ? body : { ...body, tags },
      { ...STREAM, ...headers },
    );
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await byTag('problem')).toEqual([]);
  });

  it('refuses parameters of a stream with a JSON answer', async () => {
    const { status, body } = await server.call('POST', '/api/executions?types=execution:step', quick);
    expect([status, body.errors?.[0]?.path]).toEqual([400, 'types']);
  });

  it('refuses a Last-Event-ID past the end of the first execution', async () => {
    const key = { 'idempotency-key': 'past' };
    await Watch.ofStart(server.url, quick, key).done();
    const { status, body } = await server.call('POST', '/api/executions', quick, {
      ...STREAM,
      ...key,
      'last-event-id': '9999',
    });
    expect([status, body.code]).toEqual([400, 'invalid_last_event_id']);
  });

  it('needs executions:read and executions:write, in the project', async () => {
    for (const scopes of [['executions:write'], ['executions:read']]) {
      const { status, body } = await server.call(
        'POST',
        '/api/executions',
        { ...quick, tags: ['scope'] },
        { ...STREAM, ...(await makeKey(scopes)) },
      );
      expect([status, body.code]).toEqual([403, 'insufficient_scope']);
    }
    const elsewhere = await makeKey(['executions:read', 'executions:write'], ['mine']);
    const { status } = await server.call(
      'POST',
      '/api/executions',
      { ...quick, tags: ['scope'] },
      { ...STREAM, ...elsewhere },
    );
    expect(status).toBe(404);
    expect(await byTag('scope')).toEqual([]);
  });

  it('counts as a stream, is refused before the execution starts, and frees its place when the client leaves', async () => {
    const strict = await Server.start({
      DATABASE_URL: database,
      MAX_STREAMS_PER_PRINCIPAL: '1',
      MAX_STREAMS_PER_EXECUTION: '1',
    });
    const open = await Watch.ofStart(
      strict.url,
      { ...approval, tags: ['place'] },
      { 'idempotency-key': 'place' },
    ).until(({ established }) => established !== undefined);
    const refused = await strict.call('POST', '/api/executions', { ...quick, tags: ['no-place'] }, STREAM);
    expect([refused.status, refused.body.code]).toEqual([429, 'too_many_streams']);
    expect((await strict.call('GET', pathOf(idOf(open)))).status).toBe(429);
    expect(await byTag('no-place')).toEqual([]);
    // The limit of the execution holds for another principal, too.
    const { key } = (
      await strict.call('POST', '/api/keys', {
        name: 'k',
        projects: ['*'],
        scopes: ['executions:read', 'executions:write'],
      })
    ).body;
    const ofExecution = await strict.call('GET', pathOf(idOf(open)), undefined, {
      authorization: `Bearer ${key}`,
    });
    expect([ofExecution.status, ofExecution.body.detail]).toEqual([
      429,
      expect.stringContaining('this execution'),
    ]);
    open.close();
    let next = await strict.call('POST', '/api/executions', quick, STREAM);
    while (next.status === 429) next = await strict.call('POST', '/api/executions', quick, STREAM);
    expect(next.status).toBe(200);
    expect((await server.call('GET', `/api/executions/${idOf(open)}`)).body.status).toBe('waiting');
    await strict.kill();
  });

  it('keeps no place for clients that leave before the answer', async () => {
    const strict = await Server.start({ DATABASE_URL: database, MAX_STREAMS_PER_PRINCIPAL: '3' });
    for (let round = 0; round < 30; round += 1) (await rawStart(strict.url, approval, '')).destroy();
    const open = [];
    while (open.length < 3) {
      const watch = Watch.ofStart(strict.url, approval);
      await watch.until(({ status, ended }) => status > 0 || ended).catch(() => undefined);
      if (watch.status === 200) open.push(watch);
    }
    for (const watch of open) watch.close();
    await strict.kill();
  });

  it('ends with a hint to reconnect in a shutdown, and the execution continues elsewhere', async () => {
    const stopping = await Server.start({ DATABASE_URL: database });
    const watch = await Watch.ofStart(stopping.url, start([delay('d', 500), agent('a')], [['d', 'a']])).until(
      ({ frames }) => frames.length > 0,
    );
    expect(await stopping.kill('SIGTERM')).toBe(0);
    expect(watch.endsWithRetry).toBe(true);
    const after = { 'last-event-id': String(watch.frames.at(-1)!.id) };
    const rest = await new Watch(server.url, pathOf(idOf(watch)), after).done();
    const all = [...watch.frames, ...rest.frames];
    expect(ids(all)).toEqual(upTo(all.length));
    expect(all.filter(({ type }) => TERMINAL.test(type))).toEqual([all.at(-1)]);
  });

  it('continues through another process after a kill, without a hole or a repeat', async () => {
    const victim = await Server.start({ DATABASE_URL: database });
    const watch = await Watch.ofStart(victim.url, start([agent('a', { chunks: 200, delayMs: 10 })])).until(
      ({ frames }) => frames.length >= 20,
    );
    await victim.kill();
    const after = { 'last-event-id': String(watch.frames.at(-1)!.id) };
    const rest = await new Watch(server.url, pathOf(idOf(watch)), after).done();
    const all = [...watch.frames, ...rest.frames];
    expect(ids(all)).toEqual(upTo(all.length));
    expect(all.at(-1)!.type).toBe('execution:completed');
  });

  it('streams what another process runs when a key is repeated there', async () => {
    const other = await Server.start({ DATABASE_URL: database });
    const key = { 'idempotency-key': 'two-processes' };
    const body = start([agent('a', { chunks: 100, delayMs: 5 })]);
    const first = await Watch.ofStart(server.url, body, key).until(({ frames }) => frames.length > 3);
    const second = Watch.ofStart(other.url, body, key);
    await Promise.all([first.done(), second.done()]);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.frames).toEqual(first.frames);
    await other.kill();
  });

  it('is compressed like other streams', async () => {
    const gzip = await Server.start({ DATABASE_URL: database, STREAM_COMPRESSION: 'gzip' });
    const bytes = await readAll(await rawStart(gzip.url, quick, 'Accept-Encoding: gzip\r\n'));
    const end = bytes.indexOf('\r\n\r\n');
    expect(bytes.subarray(0, end).toString()).toMatch(/\r\nContent-Encoding: gzip/i);
    const body: Buffer[] = [];
    for (let at = end + 4; ;) {
      const line = bytes.indexOf('\r\n', at);
      const size = Number.parseInt(bytes.subarray(at, line).toString(), 16);
      if (size === 0) break;
      body.push(bytes.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
    const sent = idsIn(gunzipSync(Buffer.concat(body)).toString());
    expect(sent.length).toBeGreaterThan(20);
    expect(sent).toEqual(upTo(sent.length));
    await gzip.kill();
  });

  it('follows another answer of its connection in order', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const text = JSON.stringify(quick);
    const slow = JSON.stringify(start([delay('d', 300)]));
    const head = (more: string, length: number) =>
      `POST /api/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\n${more}Content-Length: ${length}\r\n\r\n`;
    socket.write(head('Prefer: wait=60\r\n', slow.length) + slow);
    socket.write(head('Accept: text/event-stream\r\nConnection: close\r\n', text.length) + text);
    const all = (await readAll(socket)).toString();
    expect(all).toMatch(/^HTTP\/1\.1 200 OK\r\n(?!.*text\/event-stream)/);
    const sent = idsIn(all.slice(all.indexOf('event: connection:established')));
    expect(sent.length).toBeGreaterThan(20);
    expect(sent).toEqual(upTo(sent.length));
  });

  it('works for HTTP/1.0 clients', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const text = JSON.stringify(quick);
    socket.write(
      `POST /api/executions HTTP/1.0\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
    const all = (await readAll(socket)).toString();
    const sent = idsIn(all);
    expect(sent.length).toBeGreaterThan(20);
    expect(sent).toEqual(upTo(sent.length));
  });
});
