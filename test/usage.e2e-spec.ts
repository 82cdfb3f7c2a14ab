import { TokenUsage } from '@cloutagent/contract';
import { type FakeAnswer, type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
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
    return { last: watch.frames.at(-1)!, execution: body, usages: usages.map(({ data }) => data.usage) };
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
