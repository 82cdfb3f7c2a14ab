import { TokenUsage } from '@cloutagent/contract';
import type { FakeAnswer } from './support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

describe('the usage that a model provider reports', () => {
  let models: FakeModelServer;
  let server: Server;
  beforeAll(async () => {
    models = await startFakeModelServer();
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: models.url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      MODEL_PRICES: JSON.stringify({
        'openai-compatible/tenth': { input: 100_000, output: 0 },
        'openai-compatible/fifth': { input: 200_000, output: 0 },
        'openai-compatible/thinker': { input: 1, output: 2, cachedRead: 0.5, reasoning: 4 },
      }),
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await models.close();
  });

  const run = async (names: readonly string[], limits: object, ...answers: FakeAnswer[]) => {
    models.script(...answers);
    const nodes = names.map((model, index) => ({
      id: `n${index}`,
      type: 'agent',
      data: { config: { model, prompt: 'Say hello.' } },
    }));
    const edges = nodes.slice(1).map(({ id }, index): [string, string] => [`n${index}`, id]);
    const id = await server.startExecution(start(nodes, edges, { options: { limits } }));
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    const { body } = await server.call('GET', `/api/executions/${id}`);
    const usages = watch.frames.filter(({ type }) => type === 'execution:token-usage');
    return {
      last: watch.frames.at(-1)!,
      execution: body,
      usages: usages.map(({ data }) => data.usage),
      calls: usages.map(({ data }) => data['call']),
    };
  };
  const M = 'openai-compatible/m';

  it.each<[string, number, number]>([
    ['negative', -500_000, 600_000],
    ['a fraction', 10.5, 2.25],
    ['far too large', 1e300, 1e300],
    ['larger than an integer can be', 2 ** 60, 5],
  ])('is counted as non-negative integers when it is %s', async (_what, input, output) => {
    for (const model of [M, 'anthropic/claude-sonnet-4-5']) {
      const { usages, execution } = await run([model], {}, { usage: { input, output } });
      expect(usages).toHaveLength(1);
      for (const usage of [...usages, execution.tokenUsage])
        expect(TokenUsage.safeParse(usage).error).toBeUndefined();
      expect(execution.tokenUsage.input).toBeGreaterThan(0);
      expect(execution.tokenUsage.total).toBeLessThan(1_000_000);
    }
  });

  it('cannot lower the total below a limit by negative numbers', async () => {
    const usage = { input: -500_000, output: 600_000 };
    const { last } = await run([M, M], { maxTokens: 300_000 }, { usage });
    expect(last.data).toMatchObject({ code: 'token_limit_exceeded', nodeId: 'n0' });
  });

  it.each<[string, string, NonNullable<FakeAnswer['usage']>, object, number]>([
    [
      'a read from the cache',
      'anthropic/claude-sonnet-4-5',
      { input: 50, output: 100, cachedRead: 100_000 },
      { input: 100_050, output: 100, cached: { read: 100_000, written: 0 } },
      0.03165,
    ],
    [
      'a write to the cache',
      'anthropic/claude-haiku-4-5',
      { input: 50, output: 100, cachedWrite: 100_000 },
      { input: 100_050, output: 100, cached: { read: 0, written: 100_000 } },
      0.12555,
    ],
    [
      'a long prompt',
      'anthropic/claude-haiku-5-5',
      { input: 200_000, output: 1_000 },
      { input: 200_000, output: 1_000 },
      0.1025,
    ],
    [
      'reasoning',
      'openai-compatible/thinker',
      { input: 1_000, output: 1_000, cachedRead: 600, reasoning: 900 },
      { input: 1_000, output: 1_000, cached: { read: 600, written: 0 }, reasoning: 900 },
      0.0045,
    ],
  ])('costs what the price of %s says', async (_what, model, usage, call, costUSD) => {
    const { execution, calls } = await run([model], {}, { usage });
    expect(calls).toEqual([{ ...call, finishReason: 'stop' }]);
    expect(execution.costUSD).toBe(costUSD);
  });

  it('is not needed to refuse a model of unknown price when the cost is limited', async () => {
    const requests = models.requests.length;
    const node = { id: 'a', type: 'agent', data: { config: { model: '{{input}}', prompt: 'Hi.' } } };
    const posted = start([node], [], { input: M, options: { limits: { maxCostUSD: 1 } } });
    const id = await server.startExecution(posted);
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(watch.frames.at(-1)!.data).toMatchObject({ code: 'cost_unknown', nodeId: 'a' });
    expect(models.requests).toHaveLength(requests);
    const named = { ...node, data: { config: { model: ['demo/a', M], prompt: 'Hi.' } } };
    const refused = await server.call('POST', '/api/executions', {
      ...start([named], [], { options: { limits: { maxCostUSD: 1 } } }),
    });
    expect([refused.status, refused.body.code]).toEqual([400, 'price_unknown']);
    expect(refused.body.errors).toMatchObject([{ path: 'workflow.nodes.0.data.config.model.1' }]);
  });

  it('costs in a tree what each call of the children costs, also for the limit of the tree', async () => {
    const agent = {
      id: 'a',
      type: 'agent',
      data: { config: { model: 'anthropic/claude-haiku-5-5', prompt: 'Hi.' } },
    };
    const map = {
      id: 'm',
      type: 'map',
      data: { config: { items: [1, 2, 3], concurrency: 1, workflow: { nodes: [agent], edges: [] } } },
    };
    const runTree = async (maxCostUSD: number) => {
      // Three short prompts, which are a long one together; 5,000 tokens of each are read from the cache.
      const usage = { input: 85_000, output: 10, cachedRead: 5_000 };
      models.script(...[1, 2, 3].map(() => ({ usage })));
      const id = await server.startExecution(start([map], [], { options: { limits: { maxCostUSD } } }));
      const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
      const { body } = await server.call('GET', `/api/executions/${id}`);
      return { last: watch.frames.at(-1)!, execution: body };
    };
    // (85,000 * 0.1 + 5,000 * 0.01 + 10 * 0.5) / 1,000,000 for each child
    const kept = await runTree(0.025665);
    expect([kept.last.type, kept.execution.costUSD]).toEqual(['execution:completed', 0.025665]);
    const exceeded = await runTree(0.02566);
    expect(exceeded.last.data).toMatchObject({ code: 'cost_limit_exceeded' });
  });

  it('is counted in the metrics by cached and reasoning tokens', async () => {
    const model = 'openai-compatible/thinker';
    const read = async () => {
      const { text } = await server.call('GET', '/metrics');
      return ['cached_tokens_total', 'reasoning_tokens_total'].map((name) => {
        const access = name === 'cached_tokens_total' ? ',access="read"' : '';
        const line = text
          .split('\n')
          .find((l) => l.startsWith(`cloutagent_model_${name}{model="${model}"${access}}`));
        return Number(line?.split(' ').at(-1) ?? 0);
      });
    };
    const [cached, reasoning] = await read();
    await run([model], {}, { usage: { input: 1_000, output: 1_000, cachedRead: 600, reasoning: 900 } });
    expect(await read()).toEqual([cached! + 600, reasoning! + 900]);
  });

  it('adds up to an exact decimal cost in executions, limits and metrics', async () => {
    const usage = { input: 1, output: 1 };
    const both = ['openai-compatible/tenth', 'openai-compatible/fifth'];
    const kept = await run(both, { maxCostUSD: 0.3 }, { usage }, { usage });
    expect([kept.last.type, kept.execution.costUSD]).toEqual(['execution:completed', 0.3]);
    const exceeded = await run(both, { maxCostUSD: 0.25 }, { usage }, { usage });
    expect(exceeded.last.data).toMatchObject({
      code: 'cost_limit_exceeded',
      error: 'The execution cost 0.3 USD; its limit is 0.25.',
    });
    const metrics = await server.call('GET', '/metrics');
    const total = /cloutagent_model_cost_usd_total\{model="openai-compatible\/tenth"\} (\S+)/;
    // 0.1 three times: with binary fractions the sum would not be exactly 0.3.
    await run([both[0]!], {}, { usage });
    const after = await server.call('GET', '/metrics');
    expect([total.exec(metrics.text)?.[1], total.exec(after.text)?.[1]]).toEqual(['0.2', '0.3']);
  });
});
