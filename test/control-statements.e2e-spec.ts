import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { StatementRecorder } from './support/statement-recorder.js';

describe('a request that controls an execution which another process owns', () => {
  let server: Server;
  let recorder: StatementRecorder;
  let client: pg.Client;
  beforeAll(async () => {
    const url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    recorder = await StatementRecorder.start(url);
    await client.connect();
    // A sweep would release the executions of an owner that does not exist: there is only the one at the start.
    server = await Server.start({ DATABASE_URL: recorder.url, DISPATCH_POLL_INTERVAL_MS: '3600000' });
    await recorder.until(
      'WITH RECURSIVE owners',
      'WITH RECURSIVE queued',
      'WITH roots',
      'SELECT DISTINCT p.id, p.desired_state',
      'SELECT DISTINCT c.parent_id AS id',
    );
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await Promise.all([recorder.close(), client.end()]);
  });

  /** Inserts an execution that has started in another process. */
  const insert = async (): Promise<string> => {
    const id = randomUUID();
    await client.query(
      `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, owner, attempt)
       VALUES ($1, 'p', 'running', 'null', '{"nodes":[]}', '{}', 'test', 'another-process', 1)`,
      [id],
    );
    await client.query(
      `INSERT INTO cloutagent.events VALUES ($1, 1, 'execution:started', '{"projectId":"p","attempt":1}')`,
      [id],
    );
    return id;
  };
  /**
   * Returns the statements of a request except the notification of the owner, which runs at the same time as the second
   * statement. The statements of the process's own timers use neither executions nor events.
   */
  const statementsOf = async (work: () => Promise<unknown>): Promise<string[]> =>
    (await recorder.during(work)).filter((sql) => /cloutagent\.(executions|events)/.test(sql));

  it.each([
    ['pause', 'pause'],
    ['resume', 'run'],
    ['cancel', 'cancel'],
  ])('with a reason is answered after three statements: %s', async (action, desired) => {
    const id = await insert();
    if (action === 'resume') await server.call('POST', `/api/executions/${id}/pause`);
    const notified = new Promise<string | undefined>((resolve) => {
      client.once('notification', ({ payload }) => resolve(payload));
    });
    await client.query('LISTEN cloutagent_control');
    let answer: Awaited<ReturnType<Server['call']>> | undefined;
    const control = async () => {
      answer = await server.call('POST', `/api/executions/${id}/${action}`, { reason: 'because' });
    };
    expect(await statementsOf(control)).toEqual([
      // The reason must not have the value of a secret that the execution has used.
      expect.stringContaining('SELECT secret_versions'),
      expect.stringContaining('UPDATE cloutagent.executions SET desired_state'),
      expect.stringContaining('FROM cloutagent.events'),
    ]);
    expect(answer).toMatchObject({ status: 202, body: { id, status: 'running', lastSequence: 1 } });
    expect(await notified).toBe(id);
    const { rows } = await client.query(
      'SELECT desired_state, desired_state_reason FROM cloutagent.executions WHERE id = $1',
      [id],
    );
    expect(rows).toEqual([{ desired_state: desired, desired_state_reason: 'because' }]);
  });

  it.each(['pause', 'cancel'])('without a reason is answered after two statements: %s', async (action) => {
    const id = await insert();
    expect(await statementsOf(() => server.call('POST', `/api/executions/${id}/${action}`))).toEqual([
      expect.stringContaining('UPDATE cloutagent.executions SET desired_state'),
      expect.stringContaining('FROM cloutagent.events'),
    ]);
  });

  it('is answered after three statements when it is repeated, and keeps the first reason', async () => {
    const id = await insert();
    await server.call('POST', `/api/executions/${id}/pause`, { reason: 'first' });
    const repeat = () => server.call('POST', `/api/executions/${id}/pause`, { reason: 'second' });
    expect(await statementsOf(repeat)).toHaveLength(3);
    const { rows } = await client.query(
      'SELECT desired_state_reason FROM cloutagent.executions WHERE id = $1',
      [id],
    );
    expect(rows).toEqual([{ desired_state_reason: 'first' }]);
  });

  it('is refused after one statement once a cancel is requested or the execution has ended', async () => {
    const id = await insert();
    await server.call('POST', `/api/executions/${id}/cancel`);
    const pause = () => server.call('POST', `/api/executions/${id}/pause`);
    expect(await statementsOf(pause)).toHaveLength(1);
    expect(await pause()).toMatchObject({ status: 409, body: { code: 'execution_cancelling' } });
    await client.query(
      `UPDATE cloutagent.executions SET status = 'completed', completed_at = now() WHERE id = $1`,
      [id],
    );
    expect(await pause()).toMatchObject({
      status: 409,
      body: {
        code: 'execution_over',
        detail: 'The execution has completed and can no longer be changed.',
      },
    });
  });

  it('sees an end that is committed while it waits for the row', async () => {
    const id = await insert();
    await client.query('BEGIN');
    await client.query(
      `UPDATE cloutagent.executions SET status = 'failed', completed_at = now() WHERE id = $1`,
      [id],
    );
    const paused = server.call('POST', `/api/executions/${id}/pause`);
    const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    while ((await client.query(waiting)).rowCount === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await client.query('COMMIT');
    expect(await paused).toMatchObject({ status: 409, body: { code: 'execution_over' } });
  });
});
