import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { v7 } from '../src/common/uuid.js';
import { ControlRequests } from '../src/engine/run/control-requests.js';
import { encodeEvent } from '../src/events/encode-event.js';
import { openJournal } from './support/open-journal.js';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform } from './support/trees.js';
import { agent, pathOf, Watch } from './support/watch.js';

const settings = { DISPATCH_POLL_INTERVAL_MS: '600000', PARK_TIMEOUT_MS: '0' };

describe('waits that end at an awkward moment', () => {
  let url: string;
  let server: Server;
  let client: pg.Client;
  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    server = await Server.start({ DATABASE_URL: url, ...settings });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await client.end();
  });

  const post = (path: string, body: object = {}) => server.call('POST', `/api/${path}`, body);
  const rowOf = async (id: string): Promise<Record<string, unknown>> =>
    (await client.query('SELECT * FROM cloutagent.executions WHERE id = $1', [id])).rows[0];
  const until = async <T>(what: string, find: () => Promise<T | undefined | false>): Promise<T> => {
    for (const deadline = Date.now() + 20_000; ;) {
      const found = await find();
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`waited 20 s until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const untilParked = (id: string) =>
    until('it is parked', async () => {
      const row = await rowOf(id);
      return row['parked'] === true && row['owner'] === null && row['runnable_at'] === null;
    });
  const openWait = (executionId: string) =>
    until('it waits', async () => {
      const { rows } = await client.query<{ id: string }>(
        'SELECT id FROM cloutagent.waits WHERE execution_id = $1 AND outcome IS NULL',
        [executionId],
      );
      return rows[0]?.id;
    });
  const childrenOf = async (id: string): Promise<{ id: string; status: string }[]> =>
    (
      await client.query(
        'SELECT id, status FROM cloutagent.executions WHERE parent_id = $1 ORDER BY parent_index',
        [id],
      )
    ).rows;
  const ended = async (id: string) => (await new Watch(server.url, pathOf(id)).done()).frames;

  it('records an answer that came during a pause when the execution is cancelled', async () => {
    const id = await server.startExecution(run(graph(node('ask', 'approval', {}))));
    const waitId = await openWait(id);
    await post(`executions/${id}/pause`);
    expect(await post(`waits/${waitId}/answer`, { approved: true })).toMatchObject({ status: 202 });
    await post(`executions/${id}/cancel`);
    const frames = await ended(id);
    expect(frames.find(({ type }) => type === 'execution:wait-ended')?.data).toMatchObject({
      waitId,
      outcome: 'answered',
      by: expect.any(String),
    });
    expect(frames.at(-1)?.type).toBe('execution:cancelled');
  });

  it('takes a signal that was kept while no owner looked for it', async () => {
    const id = await server.startExecution(run(graph(node('wait', 'wait', { signal: 'go' }))));
    await openWait(id);
    await untilParked(id);
    // As if the signal had been sent before the wait began, and the owner had died before it looked for it.
    await client.query(
      `INSERT INTO cloutagent.signals (id, execution_id, name, body, sent_by, sent_at) VALUES ($1, $2, 'go', '7', 'x', now())`,
      [randomUUID(), id],
    );
    await client.query('UPDATE cloutagent.executions SET parked = false, runnable_at = now() WHERE id = $1', [
      id,
    ]);
    await server.startExecution(run(graph(transform('t', '1'))));
    expect((await ended(id)).at(-1)?.data.result?.output).toBe(7);
  });

  it('applies the end of a wait once, however often its owner is notified', async () => {
    const turn = graph(transform('t', '1'));
    const id = await server.startExecution(
      run(graph(node('loop', 'loop', { workflow: turn, until: 'index >= 14', maxIterations: 15 }))),
    );
    const watch = new Watch(server.url, pathOf(id));
    while (!watch.ended) await client.query(`SELECT pg_notify('cloutagent_control', $1)`, [id]);
    const ids = watch.frames.flatMap(({ type, data }) =>
      type === 'execution:wait-ended' ? [data.waitId] : [],
    );
    expect(ids).toHaveLength(15);
    expect(new Set(ids).size).toBe(15);
  });

  it('ends the step of a node whose children have exceeded the limit of the tree', async () => {
    const child = graph(agent('a', { chunks: 2, delayMs: 0 }));
    const id = await server.startExecution(
      run(graph(node('child', 'workflow', { workflow: child })), null, {
        options: { limits: { maxTokens: 1 } },
      }),
    );
    expect((await ended(id)).at(-1)?.data).toMatchObject({ code: 'token_limit_exceeded' });
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect(body.steps.map(({ status }: { status: string }) => status)).toEqual(['cancelled']);
  });

  it('reports the tokens of children that its own failure ends', async () => {
    const child = graph(agent('a', { chunks: 2, delayMs: 0 }), node('never', 'wait', { signal: 'never' }));
    const nodes = [node('child', 'workflow', { workflow: child }), node('ask', 'approval', {})];
    const id = await server.startExecution(run({ nodes, edges: [] }));
    const waiting = await until('the child waits', async () =>
      (await childrenOf(id)).find(({ status }) => status === 'waiting'),
    );
    await post(`executions/${id}/approve`, { approved: false, nodeId: 'ask' });
    expect((await ended(id)).at(-1)?.data).toMatchObject({ code: 'approval_rejected' });
    const of = async (executionId: string) =>
      (await server.call('GET', `/api/executions/${executionId}`)).body.tokenUsage;
    expect((await of(waiting.id)).total).toBeGreaterThan(0);
    expect(await of(id)).toEqual(await of(waiting.id));
  });

  it('begins a child whose turn came while it was paused', async () => {
    const workflow = graph(node('wait', 'wait', { signal: 'go' }));
    const id = await server.startExecution(
      run(graph(node('map', 'map', { items: [1, 2], concurrency: 1, workflow }))),
    );
    const [first, second] = await until('it has children', async () => {
      const children = await childrenOf(id);
      return children.length === 2 && children;
    });
    await post(`executions/${second!.id}/pause`);
    await post(`executions/${first!.id}/signals/go`);
    await ended(first!.id);
    await until('the parent has seen the end', async () => (await rowOf(id))['status'] === 'waiting');
    await post(`executions/${second!.id}/resume`);
    await post(`executions/${second!.id}/signals/go`);
    expect((await ended(id)).at(-1)?.type).toBe('execution:completed');
  });
});

describe('rows of waits', () => {
  let opened: Awaited<ReturnType<typeof openJournal>>;
  let client: pg.Client;
  let url: string;
  beforeAll(async () => {
    url = await createDatabase();
    opened = await openJournal(url);
    client = new pg.Client({ connectionString: url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await opened.close();
  });

  const newWait = (id: string) => ({
    id,
    projectId: 'test',
    nodeId: 'n',
    stepId: 's',
    key: 'signal',
    kind: 'signal' as const,
    details: {},
  });

  it('have an end if the wait begins and ends in one commit', async () => {
    const executionId = await opened.own();
    const claim = { executionId, attempt: 1 };
    const waitId = v7();
    const wait = { waitId, nodeId: 'n', stepId: 's', kind: 'signal' as const };
    const begun = encodeEvent(executionId, 1, { type: 'execution:waiting', fields: wait });
    const end = encodeEvent(executionId, 2, {
      type: 'execution:wait-ended',
      fields: { ...wait, outcome: 'cancelled' },
    });
    // Appends of one turn are one statement.
    await Promise.all([
      opened.journal.append(claim, [begun], { opens: [newWait(waitId)] }),
      opened.journal.append(claim, [end], { records: [{ id: waitId, outcome: 'cancelled' }] }),
    ]);
    const { rows } = await client.query('SELECT outcome, recorded FROM cloutagent.waits WHERE id = $1', [
      waitId,
    ]);
    expect(rows).toEqual([{ outcome: 'cancelled', recorded: true }]);
  });

  it('are not older than the number of ended waits that is read with them', async () => {
    const executionId = await opened.own();
    const waitId = v7();
    await opened.journal.append({ executionId, attempt: 1 }, [], { opens: [newWait(waitId)] });
    const requests = new ControlRequests(opened.database);
    // The read waits for the lock of the row's table, while the wait ends.
    await client.query('BEGIN');
    await client.query('LOCK TABLE cloutagent.executions IN ACCESS EXCLUSIVE MODE');
    const reading = requests.read([executionId]);
    const observer = new pg.Client({ connectionString: process.env['TEST_DATABASE_URL'] });
    await observer.connect();
    for (let blocked = 0; blocked === 0;) {
      const { rows } = await observer.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted AND relation IS NOT NULL
           AND database = (SELECT oid FROM pg_database WHERE datname = $1)`,
        [new URL(url).pathname.slice(1)],
      );
      blocked = rows[0]!.count;
    }
    await observer.end();
    await client.query(`UPDATE cloutagent.waits SET outcome = 'expired', settled_at = now() WHERE id = $1`, [
      waitId,
    ]);
    await client.query('UPDATE cloutagent.executions SET wakes = wakes + 1 WHERE id = $1', [executionId]);
    await client.query('COMMIT');
    const { desiredStates, endedWaits } = await reading;
    expect(desiredStates[0]!.wakes).toBe(1);
    expect(endedWaits.map(({ id }) => id)).toEqual([waitId]);
  });
});
