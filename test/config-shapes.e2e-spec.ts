import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

describe('a posted workflow', () => {
  let models: FakeModelServer;
  let upstream: FakeHttpServer;
  let server: Server;
  beforeAll(async () => {
    models = await startFakeModelServer();
    upstream = await startFakeHttpServer((_request, response) => response.end('ok'));
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '1',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await models.close();
    await upstream.close();
  });

  const post = (body: object) => server.call('POST', '/api/executions', body);
  const complete = async (body: object) => {
    const id = await server.startExecution(body);
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    return { id, result: watch.frames.at(-1)!.data.result };
  };
  const fail = async (body: object) => {
    const id = await server.startExecution(body);
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    const steps = watch.frames.filter(
      ({ type, data }) => type === 'execution:step' && data.status === 'running',
    );
    return { ...watch.frames.at(-1)!.data, attempts: steps.length };
  };
  const echo = (id: string, more: object = {}) => ({
    id,
    type: 'agent',
    data: { config: { model: 'demo/echo', prompt: 'Say hello.', providerOptions: { demo: { delayMs: 0 } } } },
    ...more,
  });

  it('may have the form in which React Flow saves a graph', async () => {
    const node = (id: string) =>
      echo(id, {
        position: { x: 12.5, y: -3 },
        measured: { width: 150, height: 40 },
        width: null,
        height: null,
        parentId: null,
        selected: false,
        dragging: false,
        positionAbsolute: { x: 12.5, y: -3 },
        sourcePosition: 'right',
        style: null,
      });
    const edge = {
      id: 'reactflow__edge-_a-b',
      source: '_a',
      target: '-b',
      sourceHandle: null,
      targetHandle: null,
      type: 'smoothstep',
      animated: true,
      label: null,
      data: null,
      markerEnd: { type: 'arrowclosed' },
    };
    const workflow = { nodes: [node('_a'), node('-b')], edges: [edge], viewport: { x: 0, y: 0, zoom: 1 } };
    const { id, result } = await complete({ projectId: 'demo', workflow });
    expect(result.steps.map((step) => step.nodeId)).toEqual(['_a', '-b']);
    const outline = await server.call('GET', `/api/executions/${id}/workflow`);
    expect(outline.body.nodes[0]).toMatchObject({ id: '_a', position: { x: 12.5, y: -3 } });
  });

  it('may have edges as Langflow saves them, with very long ids', async () => {
    const handle = {
      dataType: 'LanguageModelComponent',
      id: 'LanguageModelComponent-aaaaa',
      name: 'text_output',
    };
    const id = `reactflow__edge-LanguageModelComponent-aaaaa${JSON.stringify(handle).repeat(8).replaceAll('"', 'œ')}`;
    expect(id.length).toBeGreaterThan(256);
    const edge = {
      id,
      source: 'a',
      target: 'b',
      data: { sourceHandle: handle },
      selected: false,
      className: '',
    };
    await complete({ projectId: 'demo', workflow: { nodes: [echo('a'), echo('b')], edges: [edge] } });
  });

  it('may have null for every optional member', async () => {
    const nodes = [
      {
        id: 'a',
        type: 'agent',
        position: null,
        data: {
          label: null,
          timeoutMs: null,
          maxRetries: null,
          config: {
            model: 'demo/echo',
            prompt: 'Hi',
            system: null,
            temperature: null,
            maxOutputTokens: null,
            tools: null,
            maxToolRounds: null,
            providerOptions: { demo: { delayMs: 0, chunks: null, text: null, hang: null, toolCall: null } },
          },
        },
      },
      {
        id: 'b',
        type: 'http',
        data: {
          config: {
            url: upstream.url,
            method: null,
            headers: null,
            timeoutMs: null,
            expectStatus: null,
            retryUnsafe: null,
          },
        },
      },
      { id: 'c', type: 'http', data: { config: { url: upstream.url, method: 'POST', body: null } } },
    ];
    const edges = [{ id: null, source: 'a', target: 'b' }];
    const options = { timeoutMs: null, maxRetries: null, limits: { maxTokens: null, maxCostUSD: null } };
    await complete({ projectId: 'demo', input: null, workflow: { nodes, edges }, options, tags: null });
    // For the body of an http node null is a value.
    expect(upstream.requests.find(({ method }) => method === 'POST')?.body).toBe('null');
    await complete({ projectId: 'demo', workflow: { nodes: [echo('a')], edges: null }, options: null });
    await complete({ projectId: 'demo', workflow: { nodes: [echo('a')] }, options: { limits: null } });
  });

  it('is approved and controlled by requests that may have null for every optional member', async () => {
    const approval = { id: 'a', type: 'approval', data: null };
    const waiting = await server.startExecution({ projectId: 'demo', workflow: { nodes: [approval] } });
    const watch = new Watch(server.url, `/api/executions/${waiting}/stream`);
    await watch.until(({ frames }) => frames.length >= 2);
    const answer = { nodeId: null, comment: null };
    expect((await server.call('POST', `/api/executions/${waiting}/approve`, answer)).status).toBe(202);
    await watch.done();
    const paused = await server.call('POST', `/api/executions/${waiting}/pause`, { reason: null });
    expect(paused.body.code).toBe('execution_over');
  });

  it.each(['__proto__', '.a', ':a', 'a b', ''])('is refused with the node id %j', async (id) => {
    const { status, body } = await post({ projectId: 'demo', workflow: { nodes: [echo(id)] } });
    expect([status, body.errors[0]!.path]).toEqual([400, 'workflow.nodes.0.id']);
  });

  it('may refer to nodes whose ids start with _ or -', async () => {
    const config = {
      model: 'demo/echo',
      prompt: 'Repeat {{nodes._a.output}}',
      providerOptions: { demo: { delayMs: 0 } },
    };
    const next = { id: '-b', type: 'agent', data: { config } };
    const { result } = await complete(start([echo('_a'), next], [['_a', '-b']]));
    expect(result.output).toContain('hello');
  });

  const tool = (http: object) => ({
    id: 'a',
    type: 'agent',
    data: {
      config: {
        model: 'demo/echo',
        prompt: 'Hi',
        tools: [{ name: 't', description: 'T', inputSchema: { type: 'object' }, http }],
        providerOptions: { demo: { delayMs: 0, toolCall: { name: 't' } } },
      },
    },
  });
  const http = (config: object) => ({ id: 'a', type: 'http', data: { config } });

  it.each<[string, object, string, RegExp]>([
    [
      'a header value outside Latin-1',
      http({ url: 'http://127.0.0.1/', headers: { 'x-name': 'Łukasz' } }),
      'headers.x-name',
      /Latin-1/,
    ],
    [
      'a header value of a tool outside Latin-1',
      tool({ url: 'http://127.0.0.1/', headers: { 'x-name': '日本' } }),
      'tools.0.http.headers.x-name',
      /Latin-1/,
    ],
    ['a malformed URL', http({ url: 'example.com/items' }), 'url', /is not a URL/],
    ['a URL with another scheme', http({ url: 'ftp://example.com/' }), 'url', /ftp: is not allowed/],
    [
      'a URL with a password',
      http({ url: 'https://u:hunter2@example.com/' }),
      'url',
      /may not hold a user name/,
    ],
    ['a malformed URL of a tool', tool({ url: 'example.com' }), 'tools.0.http.url', /is not a URL/],
  ])('is refused with %s', async (_what, node, path, message) => {
    const { status, body } = await post(start([node]));
    expect([status, body.errors.length, body.errors[0]!.path]).toEqual([
      400,
      1,
      `workflow.nodes.0.data.config.${path}`,
    ]);
    expect(body.errors[0]!.message).toMatch(message);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  it.each<[string, object, string]>([
    [
      'an http node',
      http({
        url: 'http://127.0.0.1:1/',
        method: 'POST',
        headers: { 'x-name': '{{input}}' },
        body: { a: 1 },
      }),
      'headers.x-name',
    ],
    [
      'an http node with GET',
      http({ url: 'http://127.0.0.1:1/', headers: { 'x-name': '{{input}}' } }),
      'headers.x-name',
    ],
    [
      'a tool',
      tool({ url: 'http://127.0.0.1:1/', headers: { 'x-name': '{{input}}' } }),
      'tools.0.http.headers.x-name',
    ],
  ])(
    'fails without a retry and names the member when a filled-in header of %s is outside Latin-1',
    async (_what, node, path) => {
      const failure = await fail(start([node], [], { input: 'Łukasz' }));
      expect(failure).toMatchObject({ code: 'invalid_config', attempts: 1 });
      expect(failure.error).toContain(path);
    },
  );

  it.each(['', '  \n'])('sends no system prompt if the filled-in prompt is %j', async (input) => {
    for (const model of ['anthropic/claude-sonnet-4-5', 'openai-compatible/m']) {
      const config = { model, prompt: 'Say hello.', system: '{{input}}' };
      await complete(start([{ id: 'a', type: 'agent', data: { config } }], [], { input }));
      const { body } = models.requests.at(-1)!;
      expect(body['system']).toBeUndefined();
      expect(body['messages']).toHaveLength(1);
    }
  });

  it('gives a subagent a task even if its input is blank', async () => {
    const config = { name: 'Ann', instructions: 'Help.', model: 'anthropic/claude-sonnet-4-5' };
    await complete(start([{ id: 'a', type: 'subagent', data: { config } }], [], { input: ' ' }));
    expect(JSON.stringify(models.requests.at(-1)!.body['messages'])).toContain('nothing was handed over');
  });
});
