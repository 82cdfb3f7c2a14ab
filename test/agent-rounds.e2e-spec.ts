import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { ToolEndpoint } from './support/tool-endpoint.js';
import { agent, ids, pathOf, start, upTo, Watch } from './support/watch.js';

describe('The rounds of an agent', () => {
  let server: Server;
  let settings: Record<string, string>;
  let model: FakeModelServer;
  let tool: ToolEndpoint;

  beforeAll(async () => {
    model = await startFakeModelServer();
    tool = await ToolEndpoint.start();
    settings = {
      DATABASE_URL: await createDatabase(),
      OPENAI_COMPATIBLE_BASE_URL: model.url,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test-key',
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '1',
    };
    server = await Server.start(settings);
    settings['PORT'] = new URL(server.url).port;
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await model.close();
    await tool.close();
  });
  beforeEach(() => tool.requests.splice(0));

  const pay = (more: object = {}) => ({
    name: 'pay',
    description: 'Pays an amount.',
    inputSchema: { type: 'object' },
    http: { url: `${tool.url}/pay` },
    ...more,
  });
  const call = (...amounts: number[]) => ({
    toolCalls: amounts.map((amount) => ({ name: 'pay', args: { amount } })),
  });
  const paying = (name: string, config: object = {}) =>
    start([
      agent('payer', {}, { model: name, prompt: 'Pay.', providerOptions: {}, tools: [pay()], ...config }),
    ]);
  const results = (watch: Watch) =>
    watch.frames.filter(({ type }) => type === 'execution:tool-result').map(({ data }) => data['result']);
  const steps = (watch: Watch) =>
    watch.frames.filter(({ type }) => type === 'execution:step').map(({ data }) => data);

  it.each(['anthropic/m', 'openai-compatible/m'])(
    'keeps the calls of a round when the next answer of %s breaks off',
    async (name) => {
      model.script(call(100), { text: ['The pay'], ending: 'reset', after: 3 }, { text: ['Paid', ' it.'] });
      const before = model.requests.length;
      const id = await server.startExecution(paying(name));
      const watch = await new Watch(server.url, pathOf(id)).done();
      expect(watch.frames.at(-1)).toMatchObject({
        type: 'execution:completed',
        data: { result: { output: 'Paid it.' } },
      });
      expect(tool.requests.map(({ body }) => body)).toEqual(['{"amount":100}']);
      expect(tool.requests[0]!.headers['idempotency-key']).toMatch(new RegExp(`^${id}\\.\\S+\\.1\\.0$`));
      // The second and the third request have the same transcript.
      const [, second, third] = model.requests.slice(before);
      expect(third!.body['messages']).toEqual(second!.body['messages']);
      const [, retrying, running, completed] = steps(watch);
      const last = watch.frames.findLast(({ type }) => type === 'execution:tool-result')!;
      expect(retrying).toMatchObject({ status: 'retrying', keptThrough: last.id });
      expect(running).toMatchObject({ status: 'running', attempt: 2, continues: retrying!['stepId'] });
      expect(completed).toMatchObject({ status: 'completed', finishReason: 'stop' });
      expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    },
  );

  it('says that the effect of a call is not known if the process dies during it, and sends it only once', async () => {
    tool.hold = true;
    model.script(call(7), { text: ['Perhaps paid.'] });
    const id = await server.startExecution(paying('openai-compatible/m'));
    await tool.received(1);
    await server.kill('SIGKILL');
    tool.release();
    server = await Server.start(settings);
    const watch = await new Watch(server.url, pathOf(id)).done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(tool.requests).toHaveLength(1);
    expect(results(watch)).toEqual([expect.stringContaining('not known')]);
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect(body.steps[0]).toMatchObject({
      status: 'retrying',
      keptThrough: expect.any(Number),
      incomplete: true,
    });
  });

  it('repeats such a call with the same key if the author allows it', async () => {
    tool.hold = true;
    model.script(call(7), { text: ['Paid.'] });
    const id = await server.startExecution(
      paying('openai-compatible/m', { tools: [pay({ retryUnsafe: true })] }),
    );
    await tool.received(1);
    await server.kill('SIGKILL');
    tool.release();
    server = await Server.start(settings);
    const watch = await new Watch(server.url, pathOf(id)).done();
    expect(results(watch)).toEqual([{ done: true }]);
    const keys = tool.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  it('waits for the result of a call at a shutdown, and continues with it, also after a pause', async () => {
    tool.hold = true;
    model.script(call(8), { text: ['Paid.'] });
    const id = await server.startExecution(paying('openai-compatible/m'));
    await tool.received(1);
    const watch = new Watch(server.url, pathOf(id));
    expect((await server.call('POST', `/api/executions/${id}/pause`)).status).toBe(202);
    await watch.until(({ frames }) => frames.at(-1)?.type === 'execution:paused');
    const stopped = server.kill('SIGTERM');
    await watch.done();
    tool.release();
    expect(await stopped).toBe(0);
    server = await Server.start(settings);
    expect((await server.call('POST', `/api/executions/${id}/resume`)).status).toBe(202);
    const second = await new Watch(server.url, pathOf(id)).done();
    expect(results(second)).toEqual([{ done: true }]);
    expect(tool.requests).toHaveLength(1);
    expect(ids(second.frames)).toEqual(upTo(second.frames.length));
    const types = second.frames.map(({ type }) => type);
    expect(types.indexOf('execution:tool-result')).toBeGreaterThan(types.indexOf('execution:resumed'));
  });

  it('waits for a person before it sends a call, and sends the arguments that the person has changed', async () => {
    model.script(call(5, 500, 900), { text: ['Done.'] });
    const before = model.requests.length;
    const id = await server.startExecution(
      paying('anthropic/m', { tools: [pay({ approval: { when: 'args.amount > 100' } })] }),
    );
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => frames.filter(({ type }) => type === 'execution:waiting').length === 2);
    expect(tool.requests.map(({ body }) => body)).toEqual(['{"amount":5}']);
    await server.kill('SIGTERM');
    server = await Server.start(settings);
    const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
    expect(body.waits).toMatchObject([
      { kind: 'tool', toolName: 'pay', toolArgs: { amount: 500 } },
      { kind: 'tool', toolName: 'pay', toolArgs: { amount: 900 } },
    ]);
    const answer = (index: number, given: object) =>
      server.call('POST', `/api/waits/${body.waits[index]!.waitId}/answer`, given);
    expect((await answer(0, { action: 'approve', args: { amount: 50 } })).status).toBe(202);
    expect((await answer(1, { action: 'deny', reason: 'too much' })).status).toBe(202);
    const second = await new Watch(server.url, pathOf(id)).done();
    expect(second.frames.at(-1)!.type).toBe('execution:completed');
    expect(tool.requests.map((request) => request.body)).toEqual(['{"amount":5}', '{"amount":50}']);
    const shown = second.frames.filter(({ type }) => type === 'execution:tool-result');
    // They come in the order in which the calls end.
    const ended = new Map(shown.map(({ data }) => [data['toolId'], [data['isError'], data['toolArgs']]]));
    const calls = second.frames.filter(({ type }) => type === 'execution:tool-call');
    expect(calls.map(({ data }) => ended.get(data['toolId']))).toEqual([
      [false, undefined],
      [false, { amount: 50 }],
      [true, undefined],
    ]);
    expect(JSON.stringify(model.requests[before + 1]!.body['messages'])).toContain('too much');
    expect(model.requests.length - before).toBe(2);
  });

  it('counts the tokens of each call, and stops a model that calls tools although it must answer', async () => {
    model.script(call(1), call(2), call(3));
    const id = await server.startExecution(paying('openai-compatible/m', { maxToolRounds: 2 }));
    const watch = await new Watch(server.url, pathOf(id)).done();
    expect(watch.frames.at(-1)!.data).toMatchObject({
      code: 'tool_limit_reached',
      error: expect.stringContaining('2 rounds (maxToolRounds)'),
    });
    expect(watch.frames.filter(({ type }) => type === 'execution:token-usage')).toHaveLength(3);
    expect(tool.requests).toHaveLength(2);
    expect(watch.frames.filter(({ type }) => type === 'execution:retry')).toEqual([]);
  });

  it('asks the next model if the first one fails, at once or after it has sent output', async () => {
    const models = ['anthropic/a', 'openai-compatible/b'];
    model.script(
      { status: 529, error: { type: 'overloaded_error', message: 'busy' } },
      { text: ['From b.'] },
    );
    const first = await new Watch(server.url, pathOf(await startFallback(models))).done();
    expect(first.frames.at(-1)).toMatchObject({ data: { result: { output: 'From b.' } } });
    expect(steps(first)).toHaveLength(2);
    model.script({ text: ['From', ' a'], ending: 'reset', after: 4 }, { text: ['From b.'] });
    const second = await new Watch(server.url, pathOf(await startFallback(models))).done();
    expect(second.frames.at(-1)).toMatchObject({ data: { result: { output: 'From b.' } } });
    expect(steps(second).map(({ status }) => status)).toEqual([
      'running',
      'retrying',
      'running',
      'completed',
    ]);
  });

  const startFallback = (names: string[]): Promise<string> =>
    server.startExecution(
      start([agent('a', {}, { model: names, prompt: 'Hi', providerOptions: {} })], [], {
        options: { maxRetries: 0 },
      }),
    );
});
