import { randomBytes } from 'node:crypto';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const VALUE = 'tok_9f8e7d6c5b4a3f2e1d';
const node = (id: string, type: string, config: object) => ({ id, type, data: { config } });
type Headers = Record<string, string>;

describe('a caller without secrets:use', () => {
  let receiver: FakeHttpServer;
  let server: Server;
  /** Without the scope, with it, and limited to a saved workflow. */
  let caller: Headers;
  let user: Headers;
  let limited: Headers;
  /** Executions whose graphs a caller with the scope has posted; the second one names no secret. */
  let posted: string;
  let plain: string;

  const SCOPES = [
    'executions:read',
    'executions:write',
    'executions:control',
    'workflows:read',
    'workflows:write',
    'schedules:manage',
    'triggers:manage',
  ];
  const keyWith = async (scopes: string[], more: object = {}): Promise<Headers> => {
    const request = { name: 'k', projects: ['demo'], scopes, ...more };
    const { status, body } = await server.call('POST', '/api/keys', request);
    expect(status).toBe(201);
    return { authorization: `Bearer ${body.key}` };
  };
  const ended = async (id: string) => (await new Watch(server.url, pathOf(id)).done()).frames.at(-1)!;
  const use = () =>
    node('h', 'http', {
      url: `${receiver.url}/used`,
      headers: { 'x-token': '{{secrets.TOKEN}}' },
      expectStatus: 201,
    });
  const graph = (...nodes: object[]) => ({ nodes, edges: [] });

  beforeAll(async () => {
    receiver = await startFakeHttpServer((_request, response) => response.end('{}'));
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      SECRETS_KEY: `k:${randomBytes(32).toString('base64')}`,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
    });
    await server.call('PUT', '/api/secrets/demo/TOKEN', { value: VALUE });
    await server.call('PUT', '/api/secrets/demo/ELSEWHERE', {
      value: VALUE,
      allowedHosts: ['api.example.com'],
    });
    await server.call('PUT', '/api/variables/demo/hidden', { value: '{{secrets.TOKEN}}' });
    caller = await keyWith(SCOPES);
    user = await keyWith([...SCOPES, 'secrets:use']);
    await server.call('PUT', '/api/workflows/demo/saved', { workflow: graph(use()) }, user);
    await server.call('PUT', '/api/workflows/demo/clean', { workflow: graph(node('d', 'delay', { ms: 1 })) });
    limited = await keyWith(['executions:read', 'executions:write'], { workflows: ['clean', 'saved'] });
    posted = (await server.call('POST', '/api/executions', start([use()]), user)).body.id;
    plain = (
      await server.call(
        'POST',
        '/api/executions',
        { projectId: 'demo', workflowRef: 'clean', input: 1 },
        limited,
      )
    ).body.id;
    await Promise.all([ended(posted), ended(plain)]);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await receiver.close();
  });

  const executions = async (): Promise<number> => {
    const { body } = await server.call('GET', '/api/executions?projectId=demo&children=true&limit=100');
    return (body['executions'] as unknown[]).length;
  };
  /** Expects that a request starts, saves and sends nothing. */
  const refused = async (
    expected: [status: number, code: string],
    [method, path, body, headers]: [string, string, object, Headers?],
  ) => {
    const [sent, stored] = [receiver.requests.length, await executions()];
    const answer = await server.call(method, path, body, headers ?? caller);
    expect([answer.status, answer.body.code]).toEqual(expected);
    expect(answer.text).not.toContain(VALUE);
    expect([receiver.requests.length, await executions()]).toEqual([sent, stored]);
    return answer;
  };
  const FORBIDDEN: [number, string] = [403, 'secret_not_allowed'];

  it.each<[string, () => object]>([
    ['a node', use],
    [
      'a header that may be missing',
      () => node('h', 'http', { url: receiver.url, headers: { a: '{{secrets.NONE?}}' } }),
    ],
    ['a url', () => node('h', 'http', { url: '{{secrets.TOKEN}}' })],
    [
      'a body',
      () => node('h', 'http', { url: receiver.url, method: 'POST', body: { a: ['{{ secrets.TOKEN }}'] } }),
    ],
    ['a child', () => node('w', 'workflow', { workflow: graph(use()) })],
    [
      'a child of a child',
      () =>
        node('m', 'map', {
          items: [1],
          workflow: graph(
            node('l', 'loop', { workflow: graph(use()), while: 'index < 1', maxIterations: 1 }),
          ),
        }),
    ],
    [
      'a tool',
      () =>
        agent(
          'a',
          {},
          {
            tools: [
              {
                name: 't',
                description: 'T.',
                inputSchema: { type: 'object' },
                http: { url: receiver.url, headers: { a: '{{secrets.TOKEN}}' } },
              },
            ],
          },
        ),
    ],
    [
      'an MCP server',
      () => agent('a', {}, { mcp: [{ url: receiver.url, headers: { a: '{{secrets.TOKEN}}' } }] }),
    ],
  ])('cannot name one in %s', async (_what, of) => {
    const request = start([of()]);
    await refused(FORBIDDEN, ['POST', '/api/executions', request]);
    await refused(FORBIDDEN, [
      'POST',
      '/api/executions',
      { ...request, startAt: new Date(Date.now() + 3_600_000).toISOString() },
    ]);
    await refused(FORBIDDEN, ['POST', '/api/executions', request, { ...caller, prefer: 'wait=5' }]);
    await refused(FORBIDDEN, [
      'POST',
      '/api/executions',
      request,
      { ...caller, accept: 'text/event-stream' },
    ]);
    await refused(FORBIDDEN, ['PUT', '/api/workflows/demo/stolen', { workflow: request.workflow }]);
    await refused(FORBIDDEN, ['POST', `/api/executions/${posted}/rerun`, { workflow: request.workflow }]);
    await refused(FORBIDDEN, ['POST', `/api/executions/${plain}/rerun`, { workflow: request.workflow }]);
    const { body } = await server.call('POST', '/api/executions/validate', request, caller);
    expect((body as unknown as { problems: unknown[] }).problems).toEqual([
      expect.objectContaining({ code: 'secret_not_allowed' }),
    ]);
  });

  it('cannot use one in a batch, also beside a graph without one', async () => {
    const sent = receiver.requests.length;
    const clean = start([node('d', 'delay', { ms: 1 })]);
    const batch = { executions: [clean, start([use()]), clean, start([use()])] };
    const { body } = await server.call('POST', '/api/executions/batch', batch, caller);
    const { results } = body as unknown as { results: { status: number; problem?: { code: string } }[] };
    expect(results.map(({ status, problem }) => [status, problem?.code])).toEqual([
      [202, undefined],
      FORBIDDEN,
      [202, undefined],
      FORBIDDEN,
    ]);
    expect(receiver.requests).toHaveLength(sent);
  });

  it('cannot run a posted graph again, alone or in an operation', async () => {
    await refused(FORBIDDEN, ['POST', `/api/executions/${posted}/rerun`, {}]);
    await refused(FORBIDDEN, ['POST', `/api/executions/${posted}/rerun`, { input: 'other', from: ['h'] }]);
    const sent = receiver.requests.length;
    const { body } = await server.call(
      'POST',
      '/api/operations',
      { action: 'rerun', filter: { projectId: 'demo', status: ['failed'] } },
      caller,
    );
    const done = await until('the operation has ended', async () => {
      const operation = (await server.call('GET', `/api/operations/${body.id}`, undefined, caller))
        .body as unknown as { status: string; failed: number };
      return operation.status === 'completed' && operation;
    });
    expect(done.failed).toBeGreaterThan(0);
    expect(receiver.requests).toHaveLength(sent);
  });

  it('cannot bring one in with a schedule, a trigger, an input or a variable', async () => {
    const own = { workflow: graph(use()), cron: '* * * * *', timeZone: 'UTC' };
    await refused([400, 'validation_failed'], ['PUT', '/api/schedules/demo/s', own]);
    await refused(
      [400, 'validation_failed'],
      ['PUT', '/api/triggers/demo/t', { ...own, source: 'github', secret: 'TOKEN' }],
    );
    const nodes = [
      node('h', 'http', { url: receiver.url, headers: { a: '{{input}}', b: '{{vars.hidden}}' } }),
    ];
    const { body } = await server.call(
      'POST',
      '/api/executions',
      start(nodes, [], { input: '{{secrets.TOKEN}}' }),
      caller,
    );
    await ended(body.id);
    const { headers } = receiver.requests.at(-1)!;
    expect([headers['a'], headers['b']]).toEqual(['{{secrets.TOKEN}}', '{{secrets.TOKEN}}']);
  });

  it('cannot use one with a key that is limited to saved workflows, except as these do', async () => {
    const request = start([use()]);
    await refused([403, 'workflow_not_allowed'], ['POST', '/api/executions', request, limited]);
    await refused(
      [403, 'workflow_not_allowed'],
      ['POST', `/api/executions/${plain}/rerun`, { workflow: request.workflow }, limited],
    );
    const sent = receiver.requests.length;
    const started = await server.call(
      'POST',
      '/api/executions',
      { projectId: 'demo', workflowRef: 'saved', input: 1 },
      limited,
    );
    expect(started.status).toBe(202);
    await ended(started.body.id);
    expect(receiver.requests.slice(sent).map(({ headers }) => headers['x-token'])).toEqual([VALUE]);
  });

  it('is not the only one who is refused: hosts that are not allowed get nothing', async () => {
    const sent = receiver.requests.length;
    for (const config of [
      { url: receiver.url, headers: { a: '{{secrets.ELSEWHERE}}' } },
      { url: `${receiver.url}/?a={{secrets.ELSEWHERE}}` },
      { url: receiver.url, method: 'POST', body: '{{secrets.ELSEWHERE}}' },
      // One secret that may be sent does not take another one with it.
      { url: receiver.url, headers: { a: '{{secrets.TOKEN}}', b: '{{secrets.ELSEWHERE}}' } },
    ]) {
      const { body } = await server.call('POST', '/api/executions', start([node('h', 'http', config)]), user);
      expect((await ended(body.id)).data).toMatchObject({ code: 'secret_not_allowed' });
    }
    expect(receiver.requests).toHaveLength(sent);
  });

  it('is warned about a credential in the clear when a graph is started, saved, checked and run again', async () => {
    const workflow = graph(
      node('h', 'http', { url: 'https://a.example/', headers: { Authorization: 'Bearer abc' } }),
    );
    const warning = { path: 'workflow.nodes.0.data.config.headers.Authorization', code: 'clear_credential' };
    const requests: [string, string, object][] = [
      ['POST', '/api/executions', { projectId: 'demo', input: 1, workflow }],
      ['PUT', '/api/workflows/demo/warned', { workflow }],
      // The same content again changes nothing, and warns again.
      ['PUT', '/api/workflows/demo/warned', { workflow }],
      ['POST', '/api/executions/validate', { projectId: 'demo', workflow }],
      [
        'POST',
        '/api/executions/validate',
        { projectId: 'demo', workflow: { ...workflow, edges: [{ source: 'h', target: 'x' }] } },
      ],
      ['POST', `/api/executions/${plain}/rerun`, { workflow }],
    ];
    for (const [method, path, body] of requests) {
      const { body: answer } = await server.call(method, path, body, caller);
      expect([path, answer['warnings']]).toEqual([path, [expect.objectContaining(warning)]]);
    }
    const shown = await server.call('GET', '/api/workflows/demo/warned', undefined, caller);
    expect(shown.body).not.toHaveProperty('warnings');
  });
});
