import { createServer, type Server } from 'node:http';
import { fill } from '../../src/engine/extension/template.js';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestingModule } from '@nestjs/testing';
import type { FakeAnswer } from '../support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from '../support/fake-providers.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import { NodeError, type NodeEvent, TransientError } from '../../src/engine/extension/node-handler.js';
import { AgentNode } from '../../src/engine/agents/agent.node.js';

const KEY = 'test-key-that-must-not-leak';
/** The idle limit of the agent that tests of this limit use. The others have one that is longer than a test may take. */
const IDLE_MS = 1_000;
let server: FakeModelServer;
let tools: Server;
let toolUrl: string;
const toolRequests: { method: string; url: string; body: string; headers: Record<string, unknown> }[] = [];
let module: TestingModule;
let impatient: TestingModule;
let agent: AgentNode;
let impatientAgent: AgentNode;
const unhandledRejections: unknown[] = [];
const unhandled = (reason: unknown) => void unhandledRejections.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', unhandled);
  server = await startFakeModelServer();
  tools = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { pathname } = new URL(request.url ?? '', 'http://tools');
      toolRequests.push({
        method: request.method ?? '',
        url: request.url ?? '',
        body,
        headers: request.headers,
      });
      if (pathname === '/slow') await sleep(1.5 * IDLE_MS);
      response.writeHead(pathname === '/broken' ? 418 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ path: pathname }));
    })();
  });
  await new Promise<void>((resolve) => tools.listen(0, '127.0.0.1', resolve));
  toolUrl = `http://127.0.0.1:${(tools.address() as AddressInfo).port}`;
  const settings = {
    ANTHROPIC_API_KEY: KEY,
    ANTHROPIC_BASE_URL: server.url,
    OPENAI_COMPATIBLE_BASE_URL: server.url,
    OPENAI_COMPATIBLE_API_KEY: KEY,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
  };
  module = await nodeTypes({ ...settings, MODEL_IDLE_TIMEOUT_MS: '600000' });
  agent = module.get(AgentNode);
  impatient = await nodeTypes({ ...settings, MODEL_IDLE_TIMEOUT_MS: String(IDLE_MS) });
  impatientAgent = impatient.get(AgentNode);
});

afterAll(async () => {
  await module.close();
  await impatient.close();
  await server.close();
  tools.closeAllConnections();
  await new Promise((resolve) => tools.close(resolve));
  process.off('unhandledRejection', unhandled);
  expect(unhandledRejections).toEqual([]);
});

function runOf(config: Record<string, unknown>, more: Parameters<typeof testRun>[1] = {}) {
  const parsed = agent.config.parse({ prompt: 'Say hello', ...config });
  return testRun(parsed, more as never);
}

async function failure(
  run: ReturnType<typeof runOf>,
  by = agent,
): Promise<NodeError & { retryAfterMs?: number }> {
  const error: unknown = await by.run(run).then(
    (output) => new Error(`gave ${JSON.stringify(output)}`),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NodeError);
  expect((error as Error).message).not.toContain(KEY);
  return error as NodeError;
}

const CHECK = {
  projectId: 'demo',
  request: {},
  checkWorkflow: () => Promise.resolve([]),
  checkRef: () => Promise.resolve([]),
};
const PROVIDERS = ['anthropic', 'openai-compatible'];
const weather = () => ({
  name: 'weather',
  description: 'The weather of a city.',
  inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
  http: { method: 'GET', url: `${toolUrl}/weather?unit=c`, headers: { Authorization: 'Bearer tool' } },
});

describe.each(PROVIDERS)('the agent node with a model of %s', (provider) => {
  const model = `${provider}/some-model`;
  const counted = (count: number) =>
    Array.from({ length: count }, () => expect.objectContaining({ model })) as unknown[];

  it('streams text and thinking chunk by chunk and counts tokens', async () => {
    server.script({
      thinking: ['Let me ', 'think'],
      text: ['Grüße ', '', 'an 🌍'],
      usage: { input: 12, output: 34 },
    });
    const run = runOf({ model, system: 'Be kind', maxOutputTokens: 50 });
    expect(await agent.run(run)).toBe('Grüße an 🌍');
    expect(run.events).toEqual([
      { type: 'execution:thinking', chunk: 'Let me ' },
      { type: 'execution:thinking', chunk: 'think' },
      { type: 'execution:output', chunk: 'Grüße ' },
      { type: 'execution:output', chunk: 'an 🌍' },
    ]);
    expect(run.usage).toEqual([{ model, input: 12, output: 34, finishReason: 'stop' }]);
    const { body, headers } = server.requests.at(-1)!;
    expect(JSON.stringify(body)).toContain('Be kind');
    expect(body).toMatchObject({ model: 'some-model', max_tokens: 50, stream: true });
    expect([headers['x-api-key'], headers.authorization]).toContain(
      provider === 'anthropic' ? KEY : `Bearer ${KEY}`,
    );
  });

  it('accepts an answer that was cut at the maximum length', async () => {
    server.script({ text: ['Half an ans'], stopReason: 'length' });
    expect(await agent.run(runOf({ model }))).toBe('Half an ans');
  });

  it('fails if the provider filtered the whole answer', async () => {
    server.script({ text: [], stopReason: 'filter' });
    const error = await failure(runOf({ model }));
    expect(error).not.toBeInstanceOf(TransientError);
    expect(error.code).toBe('model_filtered');
  });

  it.each<[number, string, boolean, Record<string, string>, number | undefined]>([
    [429, 'model_rate_limited', true, { 'retry-after': '7' }, 7000],
    [429, 'model_rate_limited', true, { 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [529, 'model_overloaded', true, {}, undefined],
    [500, 'model_unavailable', true, {}, undefined],
    [503, 'model_unavailable', true, { 'retry-after': '2' }, 2000],
    [408, 'model_unavailable', true, {}, undefined],
    [409, 'model_unavailable', true, {}, undefined],
    [400, 'model_refused_request', false, {}, undefined],
    [413, 'model_refused_request', false, {}, undefined],
    [307, 'model_refused_request', false, { location: 'http://127.0.0.1:9/' }, undefined],
    [401, 'model_auth_failed', false, {}, undefined],
    [403, 'model_auth_failed', false, {}, undefined],
    [404, 'model_not_found', false, {}, undefined],
  ])('turns status %i into the error %s', async (status, code, transient, headers, retryAfterMs) => {
    const before = server.requests.length;
    server.script({
      status,
      headers,
      error: { type: 'some_error', message: `Incorrect API key: ${status < 401 ? 'sk-ant-abcdefgh' : KEY}` },
    });
    const error = await failure(runOf({ model }));
    expect([error.code, error instanceof TransientError, error.retryAfterMs]).toEqual([
      code,
      transient,
      retryAfterMs,
    ]);
    expect(error.message).not.toContain('abcdefgh');
    expect(server.requests.length).toBe(before + 1);
  });

  it.each<[string, FakeAnswer, string]>([
    ['a reset', { ending: 'reset', after: 4 }, 'model_stream_broken'],
    ['an end of the stream without a finish event', { ending: 'end', after: 3 }, 'model_stream_broken'],
    ['an empty stream', { ending: 'end' }, 'model_stream_broken'],
    ['a malformed event', { ending: 'malformed', after: 4 }, 'model_stream_broken'],
    ['a malformed first event', { ending: 'malformed' }, 'model_stream_broken'],
    ['an error event', { ending: 'error', after: 4 }, 'model_overloaded'],
    ['an error as the first event', { ending: 'error', after: 1 }, 'model_overloaded'],
    [
      'a rate limit that arrives as an event',
      { ending: 'error', after: 4, error: { type: 'rate_limit_error', message: 'slow down' } },
      'model_rate_limited',
    ],
    [
      'an unknown error event',
      { ending: 'error', after: 4, error: { type: 'server_error', message: 'oops' } },
      'model_unavailable',
    ],
  ])('fails with a transient error after %s', async (_what, answer, code) => {
    server.script(answer);
    const error = await failure(runOf({ model }));
    expect([error.code, error instanceof TransientError]).toEqual([code, true]);
  });

  it('times out and closes the request if the model stops sending', async () => {
    server.script({ ending: 'hang', after: 4 });
    const error = await failure(runOf({ model }), impatientAgent);
    expect([error.code, error instanceof TransientError]).toEqual(['model_timeout', true]);
    expect(await server.requests.at(-1)!.closed).toBe(true);
  });

  it('times out and closes the request if the model never responds', async () => {
    server.script({ ending: 'hang' });
    expect((await failure(runOf({ model }), impatientAgent)).code).toBe('model_timeout');
    expect(await server.requests.at(-1)!.closed).toBe(true);
  });

  it('closes the request when the run is aborted', async () => {
    server.script({ text: ['a', 'b'], ending: 'hang', after: 5 });
    const run = runOf({ model });
    const reason = new Error('cancelled by someone');
    const emitted = Promise.withResolvers<void>();
    const aborted = agent.run({ ...run, emit: (event) => run.emit(event).then(emitted.resolve) });
    await emitted.promise;
    run.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(await server.requests.at(-1)!.closed).toBe(true);
  });

  it('rejects with the reason of the abort if the run was aborted before', async () => {
    const run = runOf({ model });
    run.abort();
    await expect(agent.run(run)).rejects.toThrow('aborted by the test');
  });

  it('does not count the time in which emit waits as idle time of the model', async () => {
    server.script({ text: Array.from({ length: 8 }, (_, index) => `${index} `) });
    const run = runOf({ model });
    let open = 0;
    const slow = async (event: NodeEvent) => {
      open += 1;
      expect(open).toBe(1);
      if (run.events.length === 0) await sleep(1.5 * IDLE_MS);
      open -= 1;
      await run.emit(event);
    };
    expect(await impatientAgent.run({ ...run, emit: slow })).toBe('0 1 2 3 4 5 6 7 ');
  });

  it('rethrows an error of emit and closes the request', async () => {
    server.script({ text: ['a'], ending: 'hang', after: 5 });
    const reason = new NodeError('stopped', 'by the engine');
    await expect(agent.run({ ...runOf({ model }), emit: () => Promise.reject(reason) })).rejects.toBe(reason);
    expect(await server.requests.at(-1)!.closed).toBe(true);
  });

  it('cuts a long text into chunks of at most 16 KiB without splitting a character', async () => {
    const long = 'a' + '😀'.repeat(20_000);
    server.script({ text: [long] });
    const run = runOf({ model });
    expect(await agent.run(run)).toBe(long);
    const chunks = run.events.map((event) => (event.type === 'execution:output' ? event.chunk : ''));
    expect(chunks.length).toBeGreaterThan(4);
    for (const chunk of chunks) {
      expect(chunk.isWellFormed()).toBe(true);
      expect(Buffer.byteLength(chunk)).toBeLessThanOrEqual(16_384);
    }
  });

  it('joins a surrogate pair that the provider sent in two parts', async () => {
    server.script({ text: ['x\ud83d', '\ude00y', 'z\ud83d'] });
    const run = runOf({ model });
    expect(await agent.run(run)).toBe('x😀yz\ufffd');
    expect(run.events.every((event) => 'chunk' in event && event.chunk.isWellFormed())).toBe(true);
  });

  it('calls tools over HTTP and gives the model their results', async () => {
    toolRequests.length = 0;
    server.script(
      {
        thinking: ['hm'],
        toolCalls: [{ id: 'one', name: 'weather', args: { city: 'Köln & Bonn', days: [1, 2] } }],
      },
      { text: ['Sunny'] },
    );
    const run = runOf({ model, tools: [weather()] });
    expect(await agent.run(run)).toBe('Sunny');
    expect(run.events.map(({ type }) => type)).toEqual([
      'execution:thinking',
      'execution:tool-call',
      'execution:tool-result',
      'execution:output',
    ]);
    const [call, result] = run.events.slice(1) as [
      Extract<NodeEvent, { toolName: string }>,
      Extract<NodeEvent, { isError: boolean }>,
    ];
    expect(call).toMatchObject({ toolName: 'weather', toolArgs: { city: 'Köln & Bonn', days: [1, 2] } });
    expect(result).toEqual({
      type: 'execution:tool-result',
      toolId: call.toolId,
      result: { path: '/weather' },
      isError: false,
    });
    const [request] = toolRequests;
    expect(Object.fromEntries(new URL(request!.url, toolUrl).searchParams)).toEqual({
      unit: 'c',
      city: 'Köln & Bonn',
      days: '[1,2]',
    });
    expect(request!.headers['authorization']).toBe('Bearer tool');
    const second = JSON.stringify(server.requests.at(-1)!.body['messages']);
    expect(second).toContain('/weather');
    if (provider === 'anthropic') expect(second).toContain('c2lnbmF0dXJl');
    expect(run.usage).toEqual(counted(2));
  });

  it('sends the arguments of a POST tool as JSON', async () => {
    toolRequests.length = 0;
    server.script({ toolCalls: [{ name: 'store', args: { a: 1 } }] }, {});
    await agent.run(
      runOf({ model, tools: [{ ...weather(), name: 'store', http: { url: `${toolUrl}/store` } }] }),
    );
    expect(toolRequests).toEqual([
      expect.objectContaining({ method: 'POST', url: '/store', body: '{"a":1}' }),
    ]);
    expect(toolRequests[0]!.headers['content-type']).toBe('application/json');
  });

  it.each([
    ['a response with an error status', () => `${toolUrl}/broken`, 'status 418'],
    ['a host that is not allowed', () => 'http://10.0.0.1/', 'is not allowed'],
  ])('reports a failed tool call to the model: %s', async (_what, url, reason) => {
    server.script({ toolCalls: [{ name: 'weather', args: {} }] }, { text: ['Sorry'] });
    const run = runOf({ model, tools: [{ ...weather(), http: { url: url() } }] });
    expect(await agent.run(run)).toBe('Sorry');
    expect(run.events).toContainEqual(
      expect.objectContaining({
        type: 'execution:tool-result',
        isError: true,
        result: expect.stringContaining(reason) as string,
      }),
    );
    expect(JSON.stringify(server.requests.at(-1)!.body['messages'])).toContain(reason);
  });

  it('reports a call of an unknown tool to the model', async () => {
    server.script({ toolCalls: [{ name: 'unheard', args: {} }] }, { text: ['Oh'] });
    const run = runOf({ model, tools: [weather()] });
    expect(await agent.run(run)).toBe('Oh');
    expect(run.events).toContainEqual(
      expect.objectContaining({ type: 'execution:tool-result', isError: true }),
    );
  });

  it('runs a tool only after its call is recorded, and calls the model again only after its tokens are counted', async () => {
    toolRequests.length = 0;
    server.script({ toolCalls: [{ name: 'weather', args: {} }] }, { text: ['Done'] });
    const before = server.requests.length;
    const run = runOf({ model, tools: [weather()] });
    const delayed = async (check: () => void) => {
      await sleep(150);
      check();
    };
    const output = await agent.run({
      ...run,
      emit: async (event) => {
        if (event.type === 'execution:tool-call') await delayed(() => expect(toolRequests).toEqual([]));
        await run.emit(event);
      },
      countTokens: async (name, usage) => {
        if (run.usage.length === 0) await delayed(() => expect(server.requests.length).toBe(before + 1));
        await run.countTokens(name, usage);
      },
    });
    expect(output).toBe('Done');
  });

  it('does not count the time of a slow tool as idle time of the model', async () => {
    server.script({ toolCalls: [{ name: 'weather', args: {} }] }, { text: ['Done'] });
    expect(
      await impatientAgent.run(runOf({ model, tools: [{ ...weather(), http: { url: `${toolUrl}/slow` } }] })),
    ).toBe('Done');
  });

  it('forbids tool calls after the last tool round', async () => {
    const ask = { toolCalls: [{ name: 'weather', args: {} }] };
    server.script(ask, ask, { text: ['Enough'] });
    expect(await agent.run(runOf({ model, tools: [weather()], maxToolRounds: 2 }))).toBe('Enough');
    expect(JSON.stringify(server.requests.at(-1)!.body['tool_choice'])).toContain('none');
  });
});

describe('the agent node', () => {
  it('does not time out while the model sends pings', async () => {
    server.script({ ending: 'ping', after: 2 });
    const run = runOf({ model: 'anthropic/x' });
    const ended = impatientAgent.run(run).catch((error: unknown) => error);
    expect(await Promise.race([ended, sleep(2.5 * IDLE_MS, 'still running')])).toBe('still running');
    run.abort();
    expect(await ended).toEqual(new Error('aborted by the test'));
  });

  it('estimates the tokens if the provider does not report them', async () => {
    server.script({ text: ['12345678'], usage: null });
    const run = runOf({ model: 'openai-compatible/x', prompt: 'abcd', system: 'efgh' });
    await agent.run(run);
    expect(run.usage).toEqual([{ model: 'openai-compatible/x', input: 2, output: 2, finishReason: 'stop' }]);
  });

  it('fails with a transient error if the provider cannot be reached', async () => {
    const other = await nodeTypes({ OPENAI_COMPATIBLE_BASE_URL: 'http://127.0.0.1:9/v1' });
    const error: unknown = await other
      .get(AgentNode)
      .run(runOf({ model: 'openai-compatible/x' }))
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransientError);
    expect((error as NodeError).code).toBe('model_unavailable');
    await other.close();
  });

  it('passes the number of its attempt to the demo model', async () => {
    const config = { model: 'demo/x', providerOptions: { demo: { failTimes: 1, delayMs: 0, text: 'fine' } } };
    expect((await failure(runOf(config))).code).toBe('model_unavailable');
    expect(await agent.run(runOf(config, { attempt: 2 }))).toBe('fine');
  });

  it('fails if the answer is too long', async () => {
    const small = await nodeTypes({ OUTPUT_MAX_BYTES: '1000' });
    const run = runOf({ model: 'demo/x', providerOptions: { demo: { delayMs: 0, chunks: 100_000 } } });
    await expect(small.get(AgentNode).run(run)).rejects.toMatchObject({ code: 'output_too_large' });
    await small.close();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown key', { model: 'demo/x', propmt: 'x' }, 'propmt'],
    ['an empty prompt', { model: 'demo/x', prompt: '' }, 'must contain a task'],
    [
      'a tool without a schema',
      { model: 'demo/x', tools: [{ name: 'a', description: 'b', http: { url: 'http://x' } }] },
      'inputSchema',
    ],
    [
      'two tools with the same name',
      { model: 'demo/x', tools: [weatherStub(), weatherStub()] },
      'different names',
    ],
    [
      'a header with a line break',
      { model: 'demo/x', tools: [{ ...weatherStub(), http: { url: 'x', headers: { a: 'b\r\nc: d' } } }] },
      'line breaks',
    ],
  ])('refuses a config with %s', (_what, config, reason) => {
    const { error } = agent.config.safeParse({ prompt: 'x', ...config });
    expect(JSON.stringify(error?.issues)).toContain(reason);
  });

  it.each<[string, Record<string, unknown>, (string | number)[]]>([
    ['an unknown provider', { model: 'nobody/x' }, ['model']],
    ['a name without a provider', { model: 'x' }, ['model']],
    [
      'options the demo model does not have',
      { model: 'demo/x', providerOptions: { demo: { chunkz: 1 } } },
      ['providerOptions', 'demo'],
    ],
    [
      'options out of range',
      { model: 'demo/x', providerOptions: { demo: { chunks: 0 } } },
      ['providerOptions', 'demo', 'chunks'],
    ],
  ])('reports when the workflow is posted: %s', async (_what, config, path) => {
    expect(await agent.check(agent.config.parse({ prompt: 'x', ...config }), CHECK)).toEqual([
      { path, message: expect.any(String) as string },
    ]);
  });

  it('percent-encodes placeholders in the URLs of tools and inserts text into their headers', () => {
    const http = { url: 'https://h.example/{{input.x}}', headers: { n: '{{input.n}}' } };
    const tool = { name: 't', description: 'd', inputSchema: { type: 'object', n: '{{input.n}}' }, http };
    const scope = { outputs: new Map(), errors: new Map(), execution: { id: 'e', projectId: 'demo' } };
    const context = { nodes: new Set<string>(), schema: agent.config };
    const filled = fill({ tools: [tool] }, context, { ...scope, input: { x: 'a/b', n: 1 } }, 1_000);
    expect(filled).toMatchObject({
      tools: [{ inputSchema: { n: 1 }, http: { url: 'https://h.example/a%2Fb', headers: { n: '1' } } }],
    });
  });

  it('does not check the name of a model that contains a placeholder', async () => {
    expect(await agent.check(agent.config.parse({ prompt: 'x', model: '{{input}}' }), CHECK)).toEqual([]);
  });

  it('names the missing setting of a provider that is not configured', async () => {
    const bare = await nodeTypes({});
    const check = async (model: string) => {
      const [problem] = await bare.get(AgentNode).check(agent.config.parse({ prompt: 'x', model }), CHECK);
      return problem?.message;
    };
    expect(await check('anthropic/x')).toContain('set ANTHROPIC_API_KEY');
    expect(await check('openai-compatible/x')).toContain('set OPENAI_COMPATIBLE_BASE_URL');
    await bare.close();
  });
});

function weatherStub() {
  return { ...weather(), http: { url: 'http://tools/' } };
}
