import { createDatabase, Server } from './support/server.js';
import { Watch } from './support/watch.js';

const SCHEMA = { type: 'object', properties: { budget: { type: 'number' } }, required: ['budget'] };
const flow = (config: object) => ({
  projectId: 'demo',
  input: 'Ada',
  workflow: { nodes: [{ id: 'review', type: 'approval', data: { config } }] },
});

describe('approval nodes', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
  });
  afterAll(() => server.kill('SIGTERM'));

  /** Starts an execution and waits for its approval. */
  async function start(config: object) {
    const id = await server.startExecution(flow(config));
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    const { frames } = await watch.until(() => watch.frames.some(({ type }) => type === 'execution:waiting'));
    const waiting = frames.find(({ type }) => type === 'execution:waiting')!.data as unknown as {
      waitId: string;
    };
    return { id, watch, waiting };
  }
  const end = async (id: string, watch: Watch) => {
    await watch.done();
    const { status, output, error } = (await server.call('GET', `/api/executions/${id}`)).body;
    return { status, output, error };
  };

  it('shows its question and its form, and gives the values', async () => {
    const { id, watch, waiting } = await start({ message: 'Hire {{input}}?', schema: SCHEMA });
    expect(waiting).toMatchObject({ kind: 'approval', message: 'Hire Ada?', schema: SCHEMA });
    const answer = { approved: true, comment: 'yes', values: { budget: 5 } };
    const { status, body } = await server.call('POST', `/api/waits/${waiting.waitId}/answer`, answer);
    expect(status).toBe(202);
    const { by } = body as unknown as { by: string };
    expect(await end(id, watch)).toMatchObject({ status: 'completed', output: { ...answer, by } });
    expect(watch.frames.filter(({ type }) => type === 'execution:output').length).toBe(1);
    expect(watch.frames.find(({ type }) => type === 'execution:wait-ended')!.data).toMatchObject({
      waitId: waiting.waitId,
      outcome: 'answered',
      by,
    });
    expect((await server.call('GET', `/api/waits?executionId=${id}`)).body).toEqual({
      waits: [],
      nextCursor: null,
    });
  });

  it.each<[string, object, boolean | undefined, object]>([
    ['fails after a rejection', {}, false, { status: 'failed', error: { code: 'approval_rejected' } }],
    [
      'continues after a rejection',
      { onReject: 'continue' },
      false,
      { status: 'completed', output: { approved: false, comment: 'no', values: null } },
    ],
    ['fails when the time is over', {}, undefined, { status: 'failed', error: { code: 'approval_expired' } }],
    [
      'approves when the time is over',
      { onExpire: 'approve' },
      undefined,
      { status: 'completed', output: { approved: true, by: null, comment: null, values: null } },
    ],
    [
      'rejects when the time is over',
      { onExpire: 'reject' },
      undefined,
      { status: 'failed', error: { code: 'approval_rejected' } },
    ],
    [
      'rejects when the time is over, and continues',
      { onExpire: 'reject', onReject: 'continue' },
      undefined,
      { status: 'completed', output: { approved: false, by: null, comment: null, values: null } },
    ],
  ])('%s', async (_title, config, approved, expected) => {
    const { id, watch } = await start({ ...config, ...(approved === undefined && { expiresInMs: 50 }) });
    if (approved !== undefined)
      await server.call('POST', `/api/executions/${id}/approve`, { approved, comment: 'no' });
    expect(await end(id, watch)).toMatchObject(expected);
  });

  it('is refused when it is posted with a form that is not a JSON Schema, or an unknown word', async () => {
    for (const [config, path] of [
      [{ schema: { type: 'text' } }, 'schema.type'],
      [{ schema: { properties: { a: { pattern: '(' } } } }, 'schema.properties.a.pattern'],
      [{ schema: [] }, 'schema'],
      [{ onExpire: 'continue' }, 'onExpire'],
      [{ assignees: [] }, 'assignees'],
      [{ expiresInMs: 0 }, 'expiresInMs'],
      [{ expireInMs: 5 }, 'expireInMs'],
    ] as const) {
      const { status, body } = await server.call('POST', '/api/executions', flow(config));
      expect([config, status, body.errors?.[0]?.path]).toEqual([
        config,
        400,
        `workflow.nodes.0.data.config.${path}`,
      ]);
    }
  });
});
