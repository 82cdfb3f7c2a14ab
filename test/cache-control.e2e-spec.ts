import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

const UNKNOWN = '01890000-0000-7000-8000-000000000000';
const METHODS = ['OPTIONS', 'HEAD', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const JSON_TYPE = { 'content-type': 'application/json' };

const directives = (headers: Headers): string[] =>
  (headers.get('cache-control') ?? '').split(',').map((directive) => directive.trim());

describe('Cache-Control', () => {
  let server: Server;
  let running: string;
  let ended: string;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      CORS_ORIGINS: 'https://app.example',
      MAX_AUTH_FAILURES_PER_MINUTE: '100000',
      RATE_LIMIT_REQUESTS: '100000',
    });
    running = await server.startExecution(start([agent('a', { hang: true })]));
    ended = await endedExecution();
  });
  afterAll(() => server.kill('SIGTERM'));

  const endedExecution = async (): Promise<string> => {
    const id = await server.startExecution(start([delay('a', 1)]));
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return id;
  };

  /** Sends a request and discards the body of its answer. */
  async function ask(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string,
  ): Promise<Response> {
    const answer = await fetch(new URL(path, server.url), {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    await answer.body?.cancel();
    return answer;
  }

  const createKey = async (scopes: string[]): Promise<{ id: string; key: string }> =>
    (await server.call('POST', '/api/keys', { name: 'k', projects: ['*'], scopes })).body;

  /** Returns every path under /api, with each kind of id that it may have. */
  async function paths(): Promise<string[]> {
    const { body } = await server.call('GET', '/docs/openapi.json');
    const templates = Object.keys(body.paths as object).filter((path) => path.startsWith('/api/'));
    expect(templates.length).toBeGreaterThan(10);
    const ids = [running, ended, UNKNOWN, 'not-an-id', '%zz'];
    return templates.flatMap((template) =>
      template.includes('{') ? ids.map((id) => template.replaceAll(/\{\w+\}/g, id)) : [template],
    );
  }

  it('is no-store for every route under /api, with any method, status and caller', async () => {
    const writer = await createKey(['executions:write']);
    const callers: Record<string, string>[] = [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: `Bearer ${writer.key}` },
      { 'x-api-key': writer.key, origin: 'https://app.example' },
    ];
    const requests: [method: string, path: string, headers: Record<string, string>, body?: string][] = [];
    for (const path of [...(await paths()), '/api', '/api/nowhere', '/API/executions'])
      for (const method of METHODS) {
        for (const caller of callers) requests.push([method, path, caller]);
        const admin = { authorization: `Bearer ${(await adminKey()).key}` };
        requests.push([method, path, admin], [method, `${path}?limit=0&types=x&status[]=y`, admin]);
        if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') continue;
        requests.push([method, path, { ...admin, ...JSON_TYPE }, '{'], [method, path, admin, 'text']);
        if (path.includes(UNKNOWN)) continue;
        requests.push([method, path, { ...admin, ...JSON_TYPE }, `"${'x'.repeat(1_100_000)}"`]);
      }
    const statuses = new Set<number>();
    const wrong: unknown[] = [];
    for (const [method, path, headers, body] of requests) {
      const answer = await ask(method, path, headers, body);
      statuses.add(answer.status);
      if (!directives(answer.headers).includes('no-store'))
        wrong.push([method, path, answer.status, answer.headers.get('cache-control')]);
    }
    expect(wrong.slice(0, 20)).toEqual([]);
    // One of the requests has deleted it.
    ended = await endedExecution();
    // Make sure that the requests got every kind of answer.
    for (const status of [200, 201, 202, 204, 400, 401, 403, 404, 409, 413, 415])
      expect([status, statuses.has(status)]).toEqual([status, true]);
  });

  let admin: Promise<{ id: string; key: string }> | undefined;
  const adminKey = () =>
    (admin ??= createKey(['executions:read', 'executions:write', 'executions:control', 'keys:manage']));

  it('is no-store for successful answers under /api', async () => {
    const key = await createKey(['executions:read']);
    const deletable = await endedExecution();
    const started = await server.startExecution(start([agent('a', { hang: true })]));
    const last = String((await server.call('GET', `/api/executions/${ended}`)).body.lastSequence);
    const answers = await Promise.all([
      server.call('POST', '/api/executions', start([delay('a', 1)])),
      server.call('GET', '/api/executions?limit=1'),
      server.call('GET', `/api/executions/${ended}`),
      server.call('GET', `/api/executions/${ended}/events`),
      server.call('GET', `/api/executions/${ended}/stream`, undefined, { 'last-event-id': last }),
      server.call('POST', `/api/executions/${ended}/stream-tickets`),
      server.call('POST', '/api/executions/stream-tickets', {}),
      server.call('POST', `/api/executions/${started}/cancel`),
      server.call('PUT', '/api/workflows/demo/cached', { workflow: start([delay('a', 1)]).workflow }),
      server.call('GET', '/api/workflows'),
      server.call('GET', '/api/webhooks?projectId=demo'),
      server.call('GET', '/api/keys'),
      server.call('DELETE', `/api/keys/${key.id}`),
      server.call('POST', '/api/operations', { action: 'cancel', filter: { projectId: 'none' } }),
      server.call('GET', '/api/operations'),
      server.call('GET', '/api/projects/demo/stats'),
      server.call('DELETE', `/api/executions/${deletable}`),
    ]);
    for (const { status, headers } of answers)
      expect([status, status < 300, directives(headers)]).toEqual([status, true, ['no-store']]);
  });

  it('is no-store and no-transform for streams', async () => {
    for (const [method, path] of [
      ['GET', `/api/executions/${running}/stream`],
      ['HEAD', `/api/executions/${running}/stream`],
      ['GET', '/api/executions/stream'],
      ['HEAD', '/api/executions/stream'],
    ] as const) {
      const { key } = await adminKey();
      const { status, headers } = await ask(method, path, { authorization: `Bearer ${key}` });
      expect([status, directives(headers)]).toEqual([
        200,
        expect.arrayContaining(['no-store', 'no-transform']),
      ]);
      expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    }
  });

  it.each<[string, string]>([
    ['that is not HTTP', 'nonsense\r\n\r\n'],
    ['with too many header fields', `GET /api/keys HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['with an unknown expectation', 'GET /api/keys HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n'],
  ])('is no-store for a request %s', async (_what, request) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      if (answer.includes('}')) socket.end();
    });
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d [^]*\r\nCache-Control: no-store\r\n/i);
    expect(answer).toMatch(/\r\nContent-Type: application\/problem\+json; charset=utf-8\r\n/i);
  });

  it.each<[string, string, string, number]>([
    ['no-store', 'health', '/health/live', 200],
    ['no-store', 'readiness', '/health/ready', 200],
    ['no-store', 'metrics', '/metrics', 200],
    ['no-store', 'an unknown path', '/nowhere', 404],
    ['no-cache', 'the documentation', '/docs', 200],
    ['no-cache', 'the OpenAPI document', '/docs/openapi.json', 200],
    ['no-cache', 'a file of the documentation', '/docs/swagger-ui.css', 200],
    ['no-store', 'an unknown file of the documentation', '/docs/nowhere', 404],
    ['no-cache', 'a page of the dashboard', '/', 200],
  ])('is %s for %s (%s)', async (expected, _what, path, status) => {
    const answer = await ask('GET', path);
    expect([answer.status, directives(answer.headers)]).toEqual([status, [expected]]);
  });

  const builtScript = async () => (await readdir('web/dist/assets')).find((name) => name.endsWith('.js'));
  it('is immutable for a built file', async () => {
    const script = await builtScript();
    const whole = await ask('GET', `/assets/${script}`);
    expect([whole.status, directives(whole.headers)]).toEqual([
      200,
      ['public', 'max-age=31536000', 'immutable'],
    ]);
  });

  it('is no-store for a range or precondition of a built file that fails', async () => {
    const script = await builtScript();
    const past = await ask('GET', `/assets/${script}`, { range: 'bytes=99999999-' });
    const changed = await ask('GET', `/assets/${script}`, { 'if-match': '"other"' });
    for (const { status, headers } of [past, changed])
      expect([status >= 400, directives(headers)]).toEqual([true, ['no-store']]);
  });
});

it('Cache-Control is no-store for an answer with Retry-After', async () => {
  const server = await Server.start({
    DATABASE_URL: await createDatabase(),
    RATE_LIMIT_REQUESTS: '1',
    MAX_STREAMS_PER_PRINCIPAL: '1',
  });
  await server.call('GET', '/api/keys');
  const { status, headers } = await server.call('GET', '/api/keys');
  expect([status, directives(headers)]).toEqual([429, ['no-store']]);
  await server.kill('SIGTERM');
});
