import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import type { FakeAnswer } from './support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { type Frame, pathOf, Watch } from './support/watch.js';

const WIRES = ['anthropic/claude-sonnet-4-5', 'openai-compatible/some-model'];

describe.each(WIRES)('an agent with tools, with %s', (model) => {
  let models: FakeModelServer;
  let shop: FakeHttpServer;
  let server: Server;
  beforeAll(async () => {
    models = await startFakeModelServer();
    shop = await startFakeHttpServer((_request, response) =>
      response.setHeader('content-type', 'application/json').end('{"paid":true}'),
    );
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      MODEL_IDLE_TIMEOUT_MS: '1000',
      RETRY_BASE_MS: '20',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await models.close();
    await shop.close();
  });
  beforeEach(() => {
    models.requests.length = 0;
    shop.requests.length = 0;
  });

  const pay = () => ({
    name: 'pay',
    description: 'Pays.',
    inputSchema: { type: 'object' },
    http: { method: 'POST', url: `${shop.url}/pay` },
  });
  const begin = async (answers: FakeAnswer[], config: object = {}, more: object = {}): Promise<string> => {
    models.script(...answers);
    const nodes = [{ id: 'a', type: 'agent', data: { config: { model, prompt: 'Pay.', ...config } } }];
    return server.startExecution({ projectId: 'demo', workflow: { nodes, edges: [] }, ...more });
  };
  const ended = async (id: string) => (await new Watch(server.url, pathOf(id)).done()).frames;
  const of = (frames: readonly Frame[], type: string) =>
    frames.filter((frame) => frame.type === `execution:${type}`).map(({ data }) => data);
  const call = (name: string, args: object): FakeAnswer => ({ toolCalls: [{ name, args }] });
  /** The number of frames up to the first text: Anthropic sends three before it, OpenAI one. */
  const after = model.startsWith('anthropic') ? 4 : 2;
  const broken: FakeAnswer = { text: ['The payment'], after, ending: 'reset' };

  it('pays once, although later model calls break twice', async () => {
    const id = await begin([call('pay', { amount: 100 }), broken, broken, { text: ['Paid.'] }], {
      tools: [pay()],
    });
    const frames = await ended(id);
    expect(frames.at(-1)!.data.result.output).toBe('Paid.');
    expect(shop.requests.map(({ body }) => body)).toEqual(['{"amount":100}']);
    expect(models.requests).toHaveLength(4);
  });

  it('ends a model that calls tools although it must answer, in one attempt', async () => {
    const id = await begin(
      Array.from({ length: 4 }, (_unused, n) => call('pay', { n })),
      { tools: [pay()], maxToolRounds: 3 },
    );
    const frames = await ended(id);
    const end = frames.at(-1)!.data;
    expect(end.code).toBe('tool_limit_reached');
    expect(end.error).toContain('maxToolRounds');
    expect(of(frames, 'retry')).toEqual([]);
    expect(shop.requests).toHaveLength(3);
    expect(models.requests).toHaveLength(4);
    // The tokens of the answer that is not used count, too.
    expect(of(frames, 'token-usage')).toHaveLength(4);
  });

  it.each([
    ['length', 'length'],
    ['filter', 'content-filter'],
  ] as const)('says that an answer which ended with %s is not whole', async (stopReason, finishReason) => {
    const frames = await ended(await begin([{ text: ['{"items":[1,2,'], stopReason }]));
    expect(frames.at(-1)!.data.result.output).toBe('{"items":[1,2,');
    const last = of(frames, 'step').at(-1)!;
    expect(last).toMatchObject({ status: 'completed', finishReason, incomplete: true });
    expect(of(frames, 'token-usage')[0]!.call).toMatchObject({ finishReason, incomplete: true });
    expect(frames.at(-1)!.data.result.steps[0]).toMatchObject({ finishReason, incomplete: true });
  });

  it.each([
    ['length', 'model_answer_cut_off'],
    ['filter', 'model_filtered'],
  ] as const)('fails when an answer ended with %s before it had any text', async (stopReason, code) => {
    const frames = await ended(await begin([{ thinking: ['all I did was think'], text: [], stopReason }]));
    expect(frames.at(-1)!.data.code).toBe(code);
    expect(of(frames, 'retry')).toEqual([]);
    expect(of(frames, 'token-usage')).toHaveLength(1);
  });

  it('says nothing of the kind about a whole answer', async () => {
    const frames = await ended(await begin([{ text: ['Whole.'] }]));
    const last = of(frames, 'step').at(-1)!;
    expect([last.finishReason, last.incomplete]).toEqual(['stop', undefined]);
  });
});

describe('the tokens of calls that do not end', () => {
  it.each(['break', 'are cancelled', 'take too long'])(
    'count when they %s, and stop the execution at its limit',
    async (what) => {
      const models = await startFakeModelServer();
      const server = await Server.start({
        DATABASE_URL: await createDatabase(),
        ANTHROPIC_API_KEY: 'k',
        ANTHROPIC_BASE_URL: models.url,
        RETRY_BASE_MS: '20',
      });
      const answer: FakeAnswer = {
        text: ['partial'],
        usage: { input: 5_000, output: 7 },
        after: 4,
        ending: what === 'break' ? 'reset' : 'hang',
      };
      models.script(answer, answer, answer);
      const data = {
        config: { model: 'anthropic/claude-sonnet-4-5', prompt: 'Say hello.' },
        ...(what === 'take too long' && { timeoutMs: 1_000 }),
      };
      const id = await server.startExecution({
        projectId: 'demo',
        workflow: { nodes: [{ id: 'a', type: 'agent', data }], edges: [] },
        options: { limits: { maxTokens: 6_000 } },
      });
      const watch = new Watch(server.url, pathOf(id));
      if (what === 'are cancelled') {
        await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:output'));
        await server.call('POST', `/api/executions/${id}/cancel`);
      }
      const { frames } = await watch.done();
      const end = frames.at(-1)!;
      const calls = what === 'are cancelled' ? 1 : 2;
      const usage = frames.filter(({ type }) => type === 'execution:token-usage');
      expect(usage.map(({ data: { call } }) => call)).toEqual(
        Array(calls).fill(expect.objectContaining({ input: 5_000, output: 1, incomplete: true })),
      );
      const { body } = await server.call('GET', `/api/executions/${id}`);
      expect(body.tokenUsage).toEqual({ input: 5_000 * calls, output: calls, total: 5_001 * calls });
      expect(body.costUSD).toBeGreaterThan(0);
      if (calls === 2) expect(end.data.code).toBe('token_limit_exceeded');
      else expect(end.type).toBe('execution:cancelled');
      expect(models.requests).toHaveLength(calls);
      await server.kill('SIGTERM');
      await models.close();
    },
  );
});
