import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeAnswer } from './support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { type Frame, ids, start, upTo, Watch } from './support/watch.js';

const MODELS = ['anthropic/claude-sonnet-4-5', 'openai-compatible/some-model'];

describe.each(MODELS)('an agent with %s', (model) => {
  let models: FakeModelServer;
  let tool: ReturnType<typeof createServer>;
  let server: Server;
  let toolUrl: string;
  beforeAll(async () => {
    models = await startFakeModelServer();
    tool = createServer((_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"celsius":21}'),
    ).listen(0, '127.0.0.1');
    await once(tool, 'listening');
    const host = `127.0.0.1:${(tool.address() as AddressInfo).port}`;
    toolUrl = `http://${host}/weather`;
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      MODEL_PRICES: '{"openai-compatible/priced":{"input":1,"output":2}}',
      MODEL_IDLE_TIMEOUT_MS: '1000',
      HTTP_ALLOWED_HOSTS: host,
      RETRY_BASE_MS: '20',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await models.close();
    tool.close();
  });

  const ask = async (
    config: object,
    options: object,
    ...answers: FakeAnswer[]
  ): Promise<{ id: string; watch: Watch }> => {
    models.script(...answers);
    const id = await server.startExecution(
      start(
        [{ id: 'a', type: 'agent', data: { config: { model, prompt: 'Hi {{input}}', ...config } } }],
        [],
        { options },
      ),
    );
    return { id, watch: new Watch(server.url, `/api/executions/${id}/stream`) };
  };
  const of = (watch: Watch, type: string): Frame[] =>
    watch.frames.filter((frame) => frame.type === `execution:${type}`);
  const chunks = (watch: Watch, type: string): string =>
    of(watch, type)
      .map((frame) => frame.data.chunk)
      .join('');

  it('streams text and thinking, and counts tokens and cost', async () => {
    const { watch } = await ask(
      { system: 'Be brief.' },
      {},
      { thinking: ['hm', ' so'], text: ['Hel', 'lo ', '🌍'], usage: { input: 1000, output: 500 } },
    );
    await watch.done();
    expect(chunks(watch, 'output')).toBe('Hello 🌍');
    expect(chunks(watch, 'thinking')).toBe('hm so');
    expect(of(watch, 'token-usage')[0]!.data).toMatchObject({
      usage: { input: 1000, output: 500, total: 1500 },
      model,
    });
    // 1000 × 3 and 500 × 15 USD per million tokens. The price of the other model is unknown.
    expect(of(watch, 'cost-update')[0]!.data.totalCostUSD).toBe(
      model.startsWith('anthropic') ? 0.0105 : null,
    );
    expect(watch.frames.at(-1)!.data.result.output).toBe('Hello 🌍');
    expect(JSON.stringify(models.requests.at(-1)!.body)).toContain('Be brief.');
  });

  it('calls a tool for the model and sends it the result', async () => {
    const weather = {
      name: 'weather',
      description: 'The weather',
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
      http: { method: 'POST', url: toolUrl },
    };
    const { watch } = await ask(
      { tools: [weather] },
      {},
      { toolCalls: [{ name: 'weather', args: { city: 'Oslo' } }] },
      { text: ['21 degrees'] },
    );
    await watch.done();
    expect(of(watch, 'tool-call')[0]!.data).toMatchObject({
      toolName: 'weather',
      toolArgs: { city: 'Oslo' },
    });
    expect(of(watch, 'tool-result')[0]!.data).toMatchObject({
      toolId: of(watch, 'tool-call')[0]!.data.toolId,
      result: { celsius: 21 },
      isError: false,
    });
    expect(watch.frames.at(-1)!.data.result.output).toBe('21 degrees');
    expect(JSON.stringify(models.requests.at(-1)!.body)).toContain('celsius');
  });

  /** The number of frames up to the first text. Anthropic sends a message start, a ping and a block start before it. */
  const after = model.startsWith('anthropic') ? 4 : 2;

  it.each<[string, FakeAnswer]>([
    ['status 529', { status: 529 }],
    ['status 503', { status: 503 }],
    ['a reset in mid-stream', { text: ['lost '], after, ending: 'reset' }],
    ['a malformed event', { text: ['lost '], after, ending: 'malformed' }],
    ['an error in the stream', { text: ['lost '], after, ending: 'error' }],
    ['an end without a finish', { text: ['lost '], after, ending: 'end' }],
    ['a hang', { text: ['lost '], after, ending: 'hang' }],
  ])('retries after %s', async (_name, answer) => {
    const { watch } = await ask({}, {}, answer, { text: ['kept'] });
    await watch.done();
    expect(of(watch, 'step').map((frame) => [frame.data.status, frame.data.attempt])).toEqual([
      ['running', 1],
      ['retrying', 1],
      ['running', 2],
      ['completed', 2],
    ]);
    expect(of(watch, 'retry')).toHaveLength(1);
    expect(watch.frames.at(-1)!.data.result.output).toBe('kept');
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
  });

  it('waits as long as Retry-After says before it retries', async () => {
    const { watch } = await ask({}, {}, { status: 429, headers: { 'retry-after': '1' } }, { text: ['kept'] });
    await watch.done();
    expect(of(watch, 'retry')[0]!.data.delayMs).toBe(1000);
    const [failed, again] = [of(watch, 'retry')[0]!, of(watch, 'step').at(-2)!];
    expect(Date.parse(again.data.timestamp) - Date.parse(failed.data.timestamp)).toBeGreaterThanOrEqual(990);
  });

  it('fails after maxRetries', async () => {
    const { watch } = await ask({}, { maxRetries: 1 }, { status: 529 }, { status: 529 });
    await watch.done();
    expect(watch.frames.at(-1)!.data).toMatchObject({ code: 'model_overloaded', nodeId: 'a' });
  });

  it('fails without a retry after a permanent error', async () => {
    const { watch } = await ask({}, {}, { status: 401 });
    await watch.done();
    expect(watch.frames.at(-1)!.data.code).toBe('model_auth_failed');
    expect(of(watch, 'retry')).toEqual([]);
  });

  it('aborts the request to the model on cancel', async () => {
    const { id, watch } = await ask({}, {}, { text: ['first'], after, ending: 'hang' });
    await watch.until((now) => of(now, 'output').length > 0);
    await server.call('POST', `/api/executions/${id}/cancel`);
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:cancelled');
    expect(await models.requests.at(-1)!.closed).toBe(true);
  });
});
