import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

describe('a hostile request', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      RATE_LIMIT_REQUESTS: '200',
      CORS_ORIGINS: 'https://app.example',
      MAX_STREAMS_PER_PRINCIPAL: '3',
    });
  });
  afterAll(() => server.kill('SIGTERM'));
  const post = (body: unknown) => server.call('POST', '/api/executions', body);
  const node = (fields: object) => start([{ id: 'a', type: 'agent', ...fields }]);

  it.each<[string, unknown, number, string | undefined]>([
    ['malformed JSON', '{"a":', 400, undefined],
    ['JSON that is not an object', '"text"', 400, undefined],
    ['10 MB', `{"x":"${'x'.repeat(10_000_000)}"}`, 413, undefined],
    ['deeply nested JSON', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 400, ''],
    ['no nodes', start([]), 400, 'workflow.nodes'],
    [
      '1,000 nodes',
      start(Array.from({ length: 1_000 }, (_u, n) => delay(`n${n}`, 1))),
      400,
      'workflow.nodes',
    ],
    ['10,000 nodes', start(Array.from({ length: 10_000 }, (_u, n) => delay(`n${n}`, 1))), 400, ''],
    [
      'a cycle',
      start(
        [delay('a', 1), delay('b', 1)],
        [
          ['a', 'b'],
          ['b', 'a'],
        ],
      ),
      400,
      'workflow.edges',
    ],
    ['a dangling edge', start([delay('a', 1)], [['a', 'nowhere']]), 400, 'workflow.edges.0.target'],
    ['two nodes with the same id', start([delay('a', 1), delay('a', 1)]), 400, 'workflow.nodes.1.id'],
    ['an unknown node type', node({ type: 'magic' }), 400, 'workflow.nodes.0.type'],
    [
      'an unknown model',
      node({ data: { config: { model: 'x/y', prompt: 'p' } } }),
      400,
      'workflow.nodes.0.data.config.model',
    ],
    [
      'a model without an API key',
      node({ data: { config: { model: 'anthropic/claude-sonnet-4-5', prompt: 'p' } } }),
      400,
      'workflow.nodes.0.data.config.model',
    ],
    [
      'a reference to a node that is not a parent',
      node({ data: { config: { model: 'demo/x', prompt: '{{nodes.zz.output}}' } } }),
      400,
      'workflow.nodes.0.data.config.prompt',
    ],
    [
      'a wrong demo option',
      start([agent('a', { chunks: -1 })]),
      400,
      'workflow.nodes.0.data.config.providerOptions.demo.chunks',
    ],
    [
      'invalid JSONata',
      node({ type: 'transform', data: { config: { expression: '(((' } } }),
      400,
      'workflow.nodes.0.data.config.expression',
    ],
    ['a newline in a node id', node({ id: 'a\ndata: x' }), 400, 'workflow.nodes.0.id'],
    ['a newline in the project id', { ...start([delay('a', 1)]), projectId: 'a\nb' }, 400, 'projectId'],
  ])('is refused: %s', async (_name, body, status, path) => {
    const answer = await post(body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (path !== undefined)
      expect(answer.body.errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  it.each(['abc', '-1', '1e9', '9'.repeat(10_000), '1.5', ' 1', '99999'])(
    'is refused: the Last-Event-ID %.20s',
    async (value) => {
      const id = await server.startExecution(start([delay('a', 1)]));
      const answer = await server.call(
        'GET',
        `/api/executions/${id}/stream?lastEventId=${encodeURIComponent(value)}`,
      );
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_last_event_id']);
    },
  );

  it('is refused: queries with values out of range', async () => {
    for (const query of ['limit=-1', 'limit=0', 'limit=x', 'cursor=zzz'])
      expect((await server.call('GET', `/api/executions?${query}`)).status).toBe(400);
    const id = await server.startExecution(start([delay('a', 1)]));
    expect((await server.call('GET', `/api/executions/${id}/events?after=-1`)).status).toBe(400);
    expect((await server.call('GET', `/api/executions/${id}/stream?types=nonsense`)).status).toBe(400);
    expect((await server.call('GET', '/api/executions/not-an-id')).status).toBe(404);
  });

  it.each(['a\0b', 'a\ud800b'])('is refused: the text %j, which PostgreSQL cannot store', async (text) => {
    const refused = async (method: string, path: string, body?: object) => {
      const answer = await server.call(method, path, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, 'validation_failed']);
    };
    const id = await server.startExecution(start([delay('a', 60_000)]));
    await refused('POST', '/api/executions', start([delay('a', 1)], [], { tags: [text] }));
    for (const control of ['pause', 'resume', 'cancel'])
      await refused('POST', `/api/executions/${id}/${control}`, { reason: text });
    await refused('POST', `/api/executions/${id}/approve`, { comment: text });
    await refused('POST', '/api/keys', { name: text, projects: ['demo'], scopes: ['executions:read'] });
    await server.call('POST', `/api/executions/${id}/cancel`);
  });

  it('is refused: U+0000 in a query, and positions that no journal can have', async () => {
    const id = await server.startExecution(start([delay('a', 1)]));
    for (const path of ['?tag=%00', `/${id}/events?after=2147483648`, `/${id}/events?after=9007199254740991`])
      expect([path, (await server.call('GET', `/api/executions${path}`)).status]).toEqual([path, 400]);
  });

  it('may be HEAD for a stream, which opens no stream', async () => {
    const id = await server.startExecution(start([delay('a', 60_000)]));
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const head = `HEAD /api/executions/${id}/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: ${ADMIN_KEY}\r\n\r\n`;
    socket.write(`${head}GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    const answer = (await socket.setEncoding('utf8').toArray()).join('');
    expect(answer.match(/HTTP\/1.1 200/g)).toHaveLength(2);
    expect(answer).toContain('text/event-stream');
    expect(answer).not.toContain('connection:established');
    await server.call('POST', `/api/executions/${id}/cancel`);
  });

  it('with an empty Last-Event-ID header uses the query instead', async () => {
    const id = await server.startExecution(start([delay('a', 1)]));
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    const path = `/api/executions/${id}/stream?lastEventId=2`;
    const watch = await new Watch(server.url, path, { 'last-event-id': '' }).done();
    expect(watch.frames[0]!.id).toBe(3);
  });

  it('may have members called __proto__, constructor and prototype, which stay data', async () => {
    const input =
      '{"__proto__":{"polluted":true},"constructor":{"prototype":1},"prototype":[{"__proto__":null}]}';
    const [config, more] = [`{"expression":"input"}`, `"__proto__":{"polluted":true},"constructor":1`];
    const answer = await post(
      `{"projectId":"demo","input":${input},"workflow":{${more},"nodes":[{"id":"constructor",${more},"type":"transform","data":{${more},"config":${config}}}]}}`,
    );
    expect(answer.status).toBe(202);
    const path = `/api/executions/${answer.body.id}`;
    await new Watch(server.url, `${path}/stream`).done();
    const { body } = await server.call('GET', path);
    expect([body.status, JSON.stringify(body.input)]).toEqual(['completed', input]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it.each(['1e400', '[-1e400]', '{"a":[{"b":1e999}]}'])(
    'is refused: the number %s, which JSON parses as Infinity',
    async (number) => {
      const answer = await post(
        `{"projectId":"demo","input":${number},"workflow":{"nodes":[{"id":"a","type":"delay","data":{"config":{"ms":1}}}]}}`,
      );
      expect([answer.status, answer.body.errors]).toEqual([
        400,
        [{ path: 'input', message: 'must be JSON' }],
      ]);
    },
  );

  it('cannot inject frames or prototypes by line breaks, NUL and __proto__ in data', async () => {
    const label = 'a\nevent: execution:completed\r\ndata: {}\n\n\u2028\u0000';
    const body = `{"projectId":"demo","input":{"__proto__":{"polluted":true},"text":${JSON.stringify(label)}},"workflow":{"nodes":[{"id":"a","type":"agent","data":{"label":${JSON.stringify(label)},"config":{"model":"demo/x","prompt":"{{input}}","providerOptions":{"demo":{"chunks":3,"delayMs":0}}}}}]}}`;
    const id = await server.startExecution(JSON.parse(body) as object).catch(() => undefined);
    const posted = id ?? (await post(body)).body.id;
    const watch = await new Watch(server.url, `/api/executions/${posted}/stream`).done();
    expect(watch.frames.find((frame) => frame.type === 'execution:step')!.data.step).toBe(label);
    expect(watch.frames.filter((frame) => frame.type === 'execution:completed')).toHaveLength(1);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('cannot make an http node reach a private address in any notation', async () => {
    const inner = createServer((_request, response) => response.end('secret')).listen(0, '127.0.0.1');
    await once(inner, 'listening');
    const { port } = inner.address() as AddressInfo;
    for (const url of [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://0x7f.1:${port}/`,
      `http://2130706433:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      'http://169.254.169.254/latest',
    ]) {
      const id = await server.startExecution(node({ type: 'http', data: { config: { url } } }));
      const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
      expect([url, watch.frames.at(-1)!.data.code]).toEqual([url, 'host_not_allowed']);
    }
    const file = node({ type: 'http', data: { config: { url: 'file:///etc/passwd' } } });
    const { status, body } = await server.call('POST', '/api/executions', file);
    expect([status, body.errors[0]!.path]).toEqual([400, 'workflow.nodes.0.data.config.url']);
    inner.close();
  });

  it('cannot open more streams than MAX_STREAMS_PER_PRINCIPAL until one closes', async () => {
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const path = `/api/executions/${id}/stream`;
    const open = await Promise.all(
      [1, 2, 3].map(() => new Watch(server.url, path).until((now) => now.established !== undefined)),
    );
    const fourth = await server.call('GET', path);
    expect([fourth.status, fourth.body.code]).toEqual([429, 'too_many_streams']);
    open[0]!.close();
    let again = new Watch(server.url, path);
    while ((await again.until((now) => now.status !== 0).then(() => again.status)) === 429)
      again = new Watch(server.url, path);
    expect(again.status).toBe(200);
    for (const watch of [...open, again]) watch.close();
  });

  it('from an origin outside CORS_ORIGINS gets no CORS headers', async () => {
    const preflight = (origin: string) =>
      fetch(new URL('/api/executions', server.url), {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization',
        },
      });
    expect((await preflight('https://app.example')).headers.get('access-control-allow-origin')).toBe(
      'https://app.example',
    );
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });

  it('above the rate limit is answered 429 with Retry-After', async () => {
    const answers = await Promise.all(
      Array.from({ length: 220 }, () => server.call('GET', '/api/executions?limit=1')),
    );
    const refused = answers.filter((answer) => answer.status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.body.code).toBe('rate_limited');
    expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answers[0]!.headers.get('ratelimit-limit')).toBe('200');
    expect((await server.call('GET', '/health/ready')).body).toEqual({ status: 'ok' });
  });
});
