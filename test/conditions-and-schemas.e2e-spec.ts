import { createDatabase, Server } from './support/server.js';
import { pathOf, Watch } from './support/watch.js';

const HANGING = '($f := function($n) { $f($n + 1) }; $f(0))';

describe('conditions and schemas of callers', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      TRANSFORM_TIMEOUT_MS: '1000',
      CHECK_TIMEOUT_MS: '1000',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const request = (nodes: object[], edges: object[] = [], input: unknown = null) => ({
    projectId: 'demo',
    workflow: { nodes, edges },
    input,
  });
  const post = (...args: Parameters<typeof request>) =>
    server.call('POST', '/api/executions', request(...args));
  const startExecution = (...args: Parameters<typeof request>) => server.startExecution(request(...args));
  const node = (id: string, type: string, config: object) => ({ id, type, data: { config } });
  const transform = (id: string) => node(id, 'transform', { expression: '1' });
  const lastFrameOf = async (id: string) =>
    (await new Watch(server.url, pathOf(id)).done(60_000)).frames.at(-1)!;
  /** Starts an execution that waits for the answer of a form, and returns the id of its wait. */
  async function startForm(schema: object): Promise<{ executionId: string; waitId: string }> {
    const executionId = await startExecution([node('ask', 'approval', { schema })]);
    const watch = new Watch(server.url, pathOf(executionId));
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
    watch.close();
    const { data } = watch.frames.find(({ type }) => type === 'execution:waiting')!;
    return { executionId, waitId: (data as unknown as { waitId: string }).waitId };
  }

  it('refuses a workflow whose schema is not valid, and names the place', async () => {
    const schema = { properties: { amount: { type: 'money' }, note: { pattern: '(' } } };
    const { status, body } = await post([
      node('ask', 'approval', { schema }),
      node('signal', 'wait', { signal: 'paid', schema: { $ref: 'https://example.com/schema.json' } }),
    ]);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors).toEqual([
      {
        path: 'workflow.nodes.0.data.config.schema.properties.amount.type',
        message: expect.stringContaining('must be one of "string"') as string,
      },
      {
        path: 'workflow.nodes.0.data.config.schema.properties.note.pattern',
        message: 'must be a valid regular expression',
      },
      {
        path: 'workflow.nodes.1.data.config.schema.$ref',
        message: expect.stringContaining('The server loads no other schemas') as string,
      },
    ]);
  });

  it('accepts only values that fit the schema of a form', async () => {
    const { executionId, waitId } = await startForm({
      type: 'object',
      properties: { amount: { type: 'number', maximum: 100 } },
      required: ['amount'],
    });
    const answer = (values: object) =>
      server.call('POST', `/api/waits/${waitId}/answer`, { approved: true, values });
    const refused = await answer({ amount: 200 });
    expect([refused.status, refused.body.errors]).toEqual([
      400,
      [{ path: 'values.amount', message: 'must be at most 100' }],
    ]);
    expect((await answer({ amount: 50 })).status).toBeLessThan(300);
    const { data } = await lastFrameOf(executionId);
    expect(data).toMatchObject({ type: 'execution:completed' });
  });

  it('answers other requests while the pattern of a form never ends', async () => {
    const { waitId } = await startForm({ properties: { note: { pattern: '^(a+)+$' } } });
    const values = { note: `${'a'.repeat(40)}!` };
    let isDone = false;
    const refused = server
      .call('POST', `/api/waits/${waitId}/answer`, { approved: true, values })
      .finally(() => (isDone = true));
    let answers = 0;
    for (; !isDone; answers += 1) await server.call('GET', '/health/live');
    expect(answers).toBeGreaterThan(3);
    const { status, body } = await refused;
    expect([status, body.errors]).toEqual([
      400,
      [{ path: 'values', message: expect.stringContaining('CHECK_TIMEOUT_MS') as string }],
    ]);
  });

  it.each([
    ['is not true or false', 'input.amount', 'gave 7 instead of true or false'],
    ['throws', '$sum("a")', 'T0412'],
    ['never ends', HANGING, 'TRANSFORM_TIMEOUT_MS'],
  ])('fails an execution whose condition %s', async (_what, when, message) => {
    const executionId = await startExecution(
      [transform('a'), transform('b')],
      [{ source: 'a', target: 'b', when }],
      { amount: 7 },
    );
    const { data } = await lastFrameOf(executionId);
    expect(data).toMatchObject({
      type: 'execution:failed',
      code: 'condition_failed',
      error: expect.stringContaining(message) as string,
    });
  });

  it('refuses a workflow with a condition of 1 MB', async () => {
    const when = `input.ok${' or input.ok'.repeat(80_000)}`;
    const { status } = await post([transform('a'), transform('b')], [{ source: 'a', target: 'b', when }]);
    expect([400, 413]).toContain(status);
  });
});
