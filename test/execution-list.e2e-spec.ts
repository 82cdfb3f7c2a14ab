import type { Execution, ExecutionSummary } from '@cloutagent/contract';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

const LARGE = 100_000;

describe('the list of executions', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), RETRY_BASE_MS: '1' });
  });
  afterAll(() => server.kill('SIGTERM'));

  const transform = (id: string, expression: string) => ({
    id,
    type: 'transform',
    data: { config: { expression } },
  });
  const run = async (request: object): Promise<string> => {
    const id = await server.startExecution(request);
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return id;
  };
  const listed = async (id: string): Promise<ExecutionSummary> => {
    const { body } = await server.call('GET', '/api/executions?limit=100');
    return (body.executions as ExecutionSummary[]).find((summary) => summary.id === id)!;
  };
  const show = async (id: string): Promise<Execution> =>
    (await server.call('GET', `/api/executions/${id}`)).body as Execution;

  it('has small summaries for large inputs, outputs and errors', async () => {
    const large = `$pad("", ${LARGE}, "x")`;
    const input = 'i'.repeat(LARGE);
    for (const expression of [large, `$error(${large})`])
      await run(start([transform('a', expression)], [], { projectId: 'large', input, tags: ['t'] }));
    const { body } = await server.call('GET', '/api/executions?projectId=large');
    expect(body.executions).toHaveLength(2);
    for (const summary of body.executions as object[]) {
      expect(JSON.stringify(summary).length).toBeLessThan(2_000);
      for (const name of ['input', 'output', 'steps']) expect(summary).not.toHaveProperty(name);
    }
    expect(body.executions[0]!.error).toMatchObject({ code: 'transform_failed', nodeId: 'a' });
    expect(body.nextCursor).toBeNull();
  });

  it('has the same values as the execution itself', async () => {
    const id = await run(start([agent('a', { chunks: 5, delayMs: 0 })], [], { tags: ['x', 'y'] }));
    const { input: _input, output: _output, steps: _steps, ...rest } = await show(id);
    expect(await listed(id)).toEqual({
      ...rest,
      inputPreview: 'hello',
      progress: { completedSteps: 1, totalSteps: 1, percent: 100 },
    });
  });

  it('counts completed nodes, not attempts, in the progress', async () => {
    const flaky = agent('a', { chunks: 1, delayMs: 0, failTimes: 2 });
    const retried = await run(start([flaky, delay('b', 1)], [['a', 'b']]));
    expect((await show(retried)).steps).toHaveLength(4);
    expect((await listed(retried)).progress).toEqual({ completedSteps: 2, totalSteps: 2, percent: 100 });
    const failed = await run(start([transform('a', '$error("no")'), delay('b', 1)], [['a', 'b']]));
    expect((await listed(failed)).progress).toEqual({ completedSteps: 0, totalSteps: 2, percent: 0 });
    const begun = await server.startExecution(start([delay('a', 1), delay('b', 600_000)], [['a', 'b']]));
    await new Watch(server.url, `/api/executions/${begun}/stream`).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:progress'),
    );
    expect((await listed(begun)).progress).toEqual({ completedSteps: 1, totalSteps: 2, percent: 50 });
  });

  it.each([
    ['text', 'one\n  two\t', 'one two'],
    ['null', null, ''],
    ['JSON', { a: [1, 'b'] }, '{"a":[1,"b"]}'],
    ['an empty text', '  ', ''],
    ['a long text', 'é'.repeat(300), `${'é'.repeat(199)}…`],
    ['a very long text', '😀'.repeat(9_000), `${'😀'.repeat(199)}…`],
    ['a text of escaped characters', '\u0001'.repeat(9_000), `${'\u0001'.repeat(199)}…`],
    ['long JSON', { text: 'x'.repeat(9_000) }, `{"text":"${'x'.repeat(190)}…`],
  ])('shows a preview of an input that is %s', async (_what, input, inputPreview) => {
    const id = await server.startExecution(start([delay('a', 1)], [], { input }));
    expect((await listed(id)).inputPreview).toBe(inputPreview);
  });
});
