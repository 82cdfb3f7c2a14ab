import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { createDatabase, ADMIN_KEY, Server } from './support/server.js';
import { agent, delay, start } from './support/watch.js';

let database: string;
let server: Server;
/** Another process. Its waits and its polling last longer than the tests, so that they do not hide a missed end. */
let other: Server;
beforeAll(async () => {
  database = await createDatabase();
  server = await Server.start({ DATABASE_URL: database, MAX_PREFER_WAIT_MS: '60000' });
  other = await Server.start({
    DATABASE_URL: database,
    JOURNAL_POLL_INTERVAL_MS: '600000',
    MAX_PREFER_WAIT_MS: '600000',
  });
});
afterAll(() => Promise.all([server.kill(), other.kill()]));

const post = (at: Server, body: object, prefer: string, headers: Record<string, string> = {}) =>
  at.call('POST', '/api/executions', body, { prefer, ...headers });
const quick = start([agent('a', { chunks: 3 })]);
const approval = start([{ id: 'ask', type: 'approval', data: { config: {} } }]);

/** Starts a request and does not read its answer. */
const leave = (at: Server, body: object) => {
  const sent = httpRequest(new URL('/api/executions', at.url), {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', prefer: 'wait=60' },
  });
  sent.on('error', () => undefined);
  sent.end(JSON.stringify(body));
  return sent;
};
const byTag = async (tag: string) =>
  (await server.call('GET', `/api/executions?tag=${tag}`)).body.executions[0];
const until = async <T>(find: () => Promise<T | undefined | false>): Promise<T> => {
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
  }
};

describe('Prefer: wait', () => {
  it('answers 200 with the execution that has ended', async () => {
    const { status, headers, body } = await post(server, quick, 'wait=30');
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'completed', steps: [{ nodeId: 'a', status: 'completed' }] });
    expect(body.output).toEqual(expect.any(String));
    expect(headers.get('preference-applied')).toBe('wait=30');
    expect(headers.get('location')).toBe(`/api/executions/${body.id}`);
    expect(headers.get('cache-control')).toBe('no-store');
    expect((await server.call('GET', headers.get('location')!)).body).toEqual(body);
  });

  it('answers 200 for an execution that failed, and for one that was cancelled', async () => {
    const failed = await post(
      server,
      start([{ id: 't', type: 'transform', data: { config: { expression: '$error("no")' } } }]),
      'wait=30',
    );
    expect([failed.status, failed.body.status]).toEqual([200, 'failed']);
    expect(failed.body.error?.code).toEqual(expect.any(String));
    const waiting = post(server, { ...approval, tags: ['cancel'] }, 'wait=60');
    const { id } = await until(async () => {
      const found = await byTag('cancel');
      return found?.status === 'waiting' && found;
    });
    await server.call('POST', `/api/executions/${id}/cancel`, {});
    const cancelled = await waiting;
    expect([cancelled.status, cancelled.body.status]).toEqual([200, 'cancelled']);
  });

  it('keeps waiting while the execution waits for a person, and answers once it has ended', async () => {
    const waiting = post(server, { ...approval, tags: ['person'] }, 'wait=60');
    const { id } = await until(async () => {
      const found = await byTag('person');
      return found?.status === 'waiting' && found;
    });
    await server.call('POST', `/api/executions/${id}/approve`, { approved: true });
    const { status, body } = await waiting;
    expect([status, body.id, body.status]).toEqual([200, id, 'completed']);
  });

  it('answers 202 with the present state when the time is up', async () => {
    const { status, headers, body } = await post(server, approval, 'wait=1');
    expect([status, headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    expect(['queued', 'running', 'waiting']).toContain(body.status);
    expect(headers.get('location')).toBe(`/api/executions/${body.id}`);
  });

  it('waits no longer than MAX_PREFER_WAIT_MS, and not at all if that is 0', async () => {
    const short = await Server.start({ DATABASE_URL: database, MAX_PREFER_WAIT_MS: '1000' });
    const bounded = await post(short, approval, 'wait=4000000000');
    expect([bounded.status, bounded.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    await short.kill();
    const never = await Server.start({ DATABASE_URL: database, MAX_PREFER_WAIT_MS: '0' });
    const ignored = await post(never, approval, 'wait=60');
    expect([ignored.status, ignored.headers.get('preference-applied')]).toEqual([202, null]);
    await never.kill();
  });

  it.each(['respond-async', 'wait=soon', 'wait=-1', 'wait', 'wait=1.5', ',;="', 'return=minimal'])(
    'ignores %j',
    async (prefer) => {
      const { status, headers, body } = await post(server, approval, prefer);
      expect([status, headers.get('preference-applied'), body.status]).toEqual([202, null, 'queued']);
    },
  );

  it('finds the wait among several preferences', async () => {
    const { status, headers } = await post(
      server,
      quick,
      'respond-async, handling=lenient; x="a, b", wait=20',
    );
    expect([status, headers.get('preference-applied')]).toEqual([200, 'wait=20']);
  });

  it('waits for the first execution when a key is repeated, also through another process and after its end', async () => {
    const key = { 'idempotency-key': 'wait-twice' };
    const body = start([delay('d', 300), agent('a')], [['d', 'a']]);
    const [first, second] = await Promise.all([
      post(server, body, 'wait=60', key),
      post(other, body, 'wait=600', key),
    ]);
    const third = await post(other, body, 'wait=600', key);
    expect([first.status, second.status, third.status]).toEqual([200, 200, 200]);
    expect(new Set([first.body.id, second.body.id, third.body.id]).size).toBe(1);
    const replayed = [first, second, third].map(({ headers }) => headers.get('idempotency-replayed'));
    expect(replayed.filter((value) => value === 'true')).toHaveLength(2);
    expect(third.body).toEqual(first.body);
  });

  it('learns of an end in another process without polling', async () => {
    // Both processes claim, so that some of these run in the first one.
    const answers = await Promise.all(Array.from({ length: 40 }, () => post(other, quick, 'wait=600')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });

  it('answers after the process that ran the execution was killed', async () => {
    const victim = await Server.start({ DATABASE_URL: database });
    const waiting = post(other, start([delay('d', 1_500)], [], { tags: ['victim'] }), 'wait=600');
    await until(
      async () =>
        (await byTag('victim'))?.status === 'running' || (await byTag('victim'))?.status === 'waiting',
    );
    await victim.kill();
    const { status, body } = await waiting;
    expect([status, body.status]).toEqual([200, 'completed']);
  });

  it('neither cancels the execution of a client that leaves, nor keeps its place', async () => {
    const strict = await Server.start({ DATABASE_URL: database, MAX_STREAMS_PER_PRINCIPAL: '2' });
    const left = [
      leave(strict, { ...approval, tags: ['left-1'] }),
      leave(strict, { ...approval, tags: ['left-2'] }),
    ];
    const executions = await Promise.all(['left-1', 'left-2'].map((tag) => until(() => byTag(tag))));
    const refused = await post(strict, { ...quick, tags: ['refused'] }, 'wait=60');
    expect([refused.status, refused.body.code]).toEqual([429, 'too_many_streams']);
    // It was refused before anything started.
    expect(await byTag('refused')).toBeUndefined();
    for (const sent of left) sent.destroy();
    const answer = await until(async () => {
      const next = await post(strict, quick, 'wait=60');
      return next.status !== 429 && next;
    });
    expect(answer.status).toBe(200);
    for (const { id } of executions)
      expect((await server.call('GET', `/api/executions/${id}`)).body.status).toBe('waiting');
    await strict.kill();
  });

  it('needs the scope executions:read, without which the preference is not applied', async () => {
    const { key } = (
      await server.call('POST', '/api/keys', { name: 'w', projects: ['demo'], scopes: ['executions:write'] })
    ).body;
    const { status, headers } = await post(server, quick, 'wait=60', { authorization: `Bearer ${key}` });
    expect([status, headers.get('preference-applied')]).toEqual([202, null]);
  });

  it('answers refusals as problems, without waiting', async () => {
    const { status, body, headers } = await post(server, { ...quick, tags: 7 }, 'wait=60');
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(headers.get('preference-applied')).toBeNull();
  });

  it('answers a waiting request with 202 when its process shuts down', async () => {
    const stopping = await Server.start({ DATABASE_URL: database });
    const waiting = post(stopping, { ...approval, tags: ['stopping'] }, 'wait=60');
    await until(() => byTag('stopping'));
    // The request waits once its execution exists. A start that is still being answered is answered with 202 as well.
    const code = stopping.kill('SIGTERM');
    const { status, body, headers } = await waiting;
    expect([status, headers.get('preference-applied')]).toEqual([202, 'wait=60']);
    expect(['queued', 'running', 'waiting']).toContain(body.status);
    expect(await code).toBe(0);
  });

  it('answers pipelined requests in their order, and frees those of a connection that is closed', async () => {
    const { hostname, port } = new URL(server.url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const body = (tag: string) => JSON.stringify({ ...quick, tags: [tag] });
    const ask = (text: string) =>
      `POST /api/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\n` +
      `Prefer: wait=60\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
    socket.write(ask(body('first')) + ask(body('second')));
    let text = '';
    while ((text.match(/HTTP\/1\.1 200/g) ?? []).length < 2 || !text.includes('"second"'))
      text += String((await once(socket, 'data'))[0]);
    expect(text.indexOf('"first"')).toBeLessThan(text.indexOf('"second"'));
    socket.destroy();
  });
});
