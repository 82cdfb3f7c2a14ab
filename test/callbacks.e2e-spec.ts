import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { WaitRows } from './support/wait-rows.js';
import { Watch } from './support/watch.js';

const PUBLIC_URL = 'https://agents.example.com/base/';
const SCHEMA = { type: 'object', properties: { paid: { type: 'boolean' } }, required: ['paid'] };

describe('callbacks', () => {
  let server: Server;
  let rows: WaitRows;
  let partner: FakeHttpServer;
  let database: string;
  beforeAll(async () => {
    // It repeats what it gets, as a partner may that echoes the address.
    partner = await startFakeHttpServer(({ body }, response) =>
      response.setHeader('content-type', 'application/json').end(body),
    );
    database = await createDatabase();
    server = await Server.start({
      DATABASE_URL: database,
      PUBLIC_URL,
      SIGNAL_MAX_BYTES: '2000',
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      LOG_LEVEL: 'debug',
    });
    rows = await WaitRows.open(database);
  });
  afterAll(async () => {
    await rows.close();
    await partner.close();
    await server.kill('SIGTERM');
  });

  /** A workflow that gives a partner the address before or while it waits. */
  const flow = (config: object, isKept = false) => ({
    projectId: 'demo',
    workflow: {
      nodes: [
        {
          id: 'ask',
          type: 'http',
          data: {
            config: {
              method: 'POST',
              url: `${partner.url}/ask`,
              headers: { 'content-type': 'application/json' },
              body: '{"url":"{{nodes.reply.callbackUrl}}"}',
            },
          },
        },
        { id: 'gate', type: 'approval', data: { config: {} } },
        { id: 'reply', type: 'wait', data: { config: { signal: 'reply', ...config } } },
      ],
      edges: isKept
        ? [
            { source: 'ask', target: 'gate' },
            { source: 'gate', target: 'reply' },
          ]
        : [{ source: 'ask', target: 'reply' }],
    },
  });

  /** Starts an execution and returns its id, its stream and the path of the address that the partner got. */
  async function start(config: object = {}, isKept = false) {
    const request = flow(config, isKept);
    if (!isKept) request.workflow.nodes.splice(1, 1);
    const before = partner.requests.length;
    const id = await server.startExecution(request);
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
    const { url } = JSON.parse(partner.requests[before]!.body) as { url: string };
    expect(url).toMatch(/^https:\/\/agents\.example\.com\/base\/api\/callbacks\/cbk_[A-Za-z0-9_-]{43}$/);
    return { id, watch, path: new URL(url).pathname.replace('/base', '') };
  }
  const post = (path: string, body?: string, type = 'application/json') =>
    server.call('POST', path, body, { authorization: '', 'content-type': type });
  const outputs = async (id: string) => {
    const { body } = await server.call('GET', `/api/executions/${id}`);
    return body.output;
  };

  it('ends the wait without a credential, once, and is shown nowhere', async () => {
    const { id, watch, path } = await start();
    const { status, text } = await post(path, '{"paid":true}');
    expect([status, text]).toEqual([202, '']);
    await watch.done();
    expect(await outputs(id)).toEqual({ paid: true });
    expect(watch.frames.find(({ type }) => type === 'execution:wait-ended')!.data).toMatchObject({
      outcome: 'signalled',
      by: 'callback',
    });
    const again = await post(path, '{"paid":false}');
    expect([again.status, again.body.code]).toEqual([410, 'callback_used']);
    const token = path.split('/').at(-1)!;
    const shown = [
      JSON.stringify(watch.frames),
      (await server.call('GET', `/api/executions/${id}`)).text,
      (await server.call('GET', `/api/executions/${id}/events`)).text,
      again.text,
      server.output(),
    ].join('\n');
    expect(shown).not.toContain(token);
    expect(shown).toContain('[redacted]');
    const { rows: stored } = await rows.client.query<{ text: string }>(
      `SELECT (SELECT string_agg(e::text, '') FROM cloutagent.events AS e) ||
         (SELECT string_agg(c::text, '') FROM cloutagent.callbacks AS c) ||
         (SELECT string_agg(x::text, '') FROM cloutagent.executions AS x) AS text`,
    );
    expect(stored[0]!.text).not.toContain(token);
  });

  it('keeps the body until the wait begins', async () => {
    const { id, watch, path } = await start({}, true);
    expect((await post(path, '{"early":1}')).status).toBe(202);
    expect((await post(path, '{"late":1}')).status).toBe(410);
    expect((await server.call('POST', `/api/executions/${id}/approve`)).status).toBe(202);
    await watch.done();
    expect(await outputs(id)).toEqual({ early: 1 });
  });

  it.each([false, true])('refuses a body that does not fit, and stays usable (kept: %p)', async (isKept) => {
    const { id, watch, path } = await start({ schema: SCHEMA }, isKept);
    for (const body of ['{}', '{"paid":"yes"}', 'null', undefined])
      expect(await post(path, body)).toMatchObject({ status: 400, body: { code: 'invalid_answer' } });
    expect(await post(path, '{"paid":')).toMatchObject({ status: 400, body: { code: 'malformed_json' } });
    expect((await post(path, '{"paid":true}')).status).toBe(202);
    if (isKept) await server.call('POST', `/api/executions/${id}/approve`);
    await watch.done();
    expect(await outputs(id)).toEqual({ paid: true });
  });

  it.each<[string, string, string]>([
    ['text/plain', 'all is well', 'all is well'],
    ['application/x-www-form-urlencoded', 'a=1&b=2', 'a=1&b=2'],
    ['application/problem+json', '{"a":1}', ''],
    ['text/plain; charset=iso-8859-1', 'abc', 'abc'],
  ])('takes a body of the type %s', async (type, sent, expected) => {
    const { id, watch, path } = await start();
    expect((await post(path, sent, type)).status).toBe(202);
    await watch.done();
    expect(await outputs(id)).toEqual(expected === '' ? { a: 1 } : expected);
  });

  it('takes one of several bodies that come at once', async () => {
    const { id, watch, path } = await start();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => post(path, `${n}`)));
    expect(answers.filter(({ status }) => status === 202).length).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 410]));
    await watch.done();
    expect(await outputs(id)).toBe(answers.findIndex(({ status }) => status === 202));
  });

  it('is gone after the end of the execution', async () => {
    const { id, watch, path } = await start();
    await server.call('POST', `/api/executions/${id}/cancel`);
    await watch.done();
    expect(await post(path, '1')).toMatchObject({ status: 410, body: { code: 'callback_used' } });
  });

  it('is gone after the end of the wait', async () => {
    const { id, watch, path } = await start();
    await server.call('POST', `/api/executions/${id}/signals/reply`, '"by a signal"');
    await watch.done();
    expect((await post(path, '1')).status).toBe(410);
    expect(await outputs(id)).toBe('by a signal');
  });

  it('refuses 10 MB', async () => {
    const { path } = await start();
    for (const type of ['application/json', 'text/plain'])
      expect(await post(path, 'x'.repeat(10_000_000), type)).toMatchObject({
        status: 413,
        body: { code: 'body_too_large' },
      });
    expect((await post(path, '1')).status).toBe(202);
  });

  it('answers 404 for an address that does not exist, and 405 for another method', async () => {
    for (const token of ['cbk_', `cbk_${'a'.repeat(43)}`, 'x', '%00', `cbk_${'a'.repeat(5_000)}`]) {
      const { status, body } = await post(`/api/callbacks/${token}`, '1');
      expect([status, body.code, body.detail]).toEqual([
        404,
        'not_found',
        'There is no such callback address.',
      ]);
    }
    const { path } = await start();
    const answer = await server.call('GET', path, undefined, { authorization: '' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
    expect(answer.text).not.toContain(path.split('/').at(-1)!);
  });

  it('limits the requests of an address', async () => {
    const limited = await Server.start({
      DATABASE_URL: database,
      PUBLIC_URL,
      RATE_LIMIT_REQUESTS: '3',
    });
    try {
      const statuses: number[] = [];
      for (let n = 0; n < 4; n += 1)
        statuses.push((await limited.call('POST', '/api/callbacks/x', {}, { authorization: '' })).status);
      expect(statuses).toEqual([404, 404, 404, 429]);
    } finally {
      await limited.kill('SIGTERM');
    }
  });

  it('needs PUBLIC_URL when the workflow is posted', async () => {
    const without = await Server.start({ DATABASE_URL: database });
    try {
      const request = flow({});
      request.workflow.nodes.splice(1, 1);
      expect(await without.call('POST', '/api/executions', request)).toMatchObject({
        status: 400,
        body: {
          errors: [
            {
              path: 'workflow.nodes.0.data.config.body',
              message: expect.stringContaining('set PUBLIC_URL'),
            },
          ],
        },
      });
    } finally {
      await without.kill('SIGTERM');
    }
  });
});
