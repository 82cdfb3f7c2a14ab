import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform, tree } from './support/trees.js';
import { delay, pathOf, TERMINAL, Watch } from './support/watch.js';

const settings = {
  DISPATCH_POLL_INTERVAL_MS: '300',
  PROCESS_TIMEOUT_MS: '2000',
  PARK_TIMEOUT_MS: '200',
  CANCEL_GRACE_MS: '1000',
};

describe('control of trees of executions', () => {
  let url: string;
  let servers: Server[];
  let client: pg.Client;
  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    servers = await Promise.all([0, 1].map(() => Server.start({ DATABASE_URL: url, ...settings })));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await client.end();
  });

  const call: Server['call'] = (...args) => servers[0]!.call(...args);
  const start = (workflow: object, input?: unknown, more?: object) =>
    servers[0]!.startExecution(run(workflow, input, more));
  const rowsOf = async (rootId: string): Promise<Record<string, unknown>[]> =>
    (
      await client.query(
        `SELECT id, status, depth, parent_id, completed_at, owner, parked FROM cloutagent.executions
         WHERE id = $1 OR root_id = $1 ORDER BY depth, id`,
        [rootId],
      )
    ).rows;
  const until = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
    for (const deadline = Date.now() + 20_000; !(await condition());) {
      if (Date.now() > deadline) throw new Error(`waited 20 s until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const untilCount = (rootId: string, count: number, statuses: string[]) =>
    until(`${count} executions are ${statuses.join(' or ')}`, async () => {
      const rows = await rowsOf(rootId);
      return rows.filter(({ status }) => statuses.includes(status as string)).length === count;
    });
  const untilParked = (rootId: string) =>
    until('the parents are parked', async () =>
      (await rowsOf(rootId)).every(({ status, parked }) => status !== 'waiting' || parked === true),
    );
  /** Checks that every execution of a tree has one terminal event, and the parent's is last; no wait is open. */
  const expectEnded = async (rootId: string, status: string): Promise<void> => {
    const { rows } = await client.query(
      `SELECT e.id, e.status, count(t.*)::int AS ends, bool_and(t.sequence = (
           SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id)) AS last,
         (SELECT count(*)::int FROM cloutagent.events WHERE execution_id = e.id) =
         (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id) AS gapless,
         (SELECT count(*)::int FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND NOT w.recorded) AS open,
         coalesce((SELECT max(c.completed_at) FROM cloutagent.executions AS c WHERE c.parent_id = e.id) <= e.completed_at, true)
           AS "parentLast"
       FROM cloutagent.executions AS e LEFT JOIN cloutagent.events AS t ON t.execution_id = e.id
         AND t.type IN ('execution:completed', 'execution:failed', 'execution:cancelled')
       WHERE e.id = $1 OR e.root_id = $1 GROUP BY e.id`,
      [rootId],
    );
    for (const row of rows)
      expect(row).toMatchObject({ ends: 1, last: true, gapless: true, open: 0, parentLast: true });
    expect(rows.find(({ id }) => id === rootId)).toMatchObject({ status });
    for (const { id } of rows) {
      const { body } = await call('GET', `/api/executions/${id}`);
      expect(body.waits).toBeUndefined();
      expect(body.steps.filter((step: { status: string }) => /running|waiting/.test(step.status))).toEqual(
        [],
      );
    }
  };

  it('cancels a tree that runs in two processes', async () => {
    const id = await start(tree(3, 3, graph(delay('d', 3_600_000))));
    await untilCount(id, 1 + 3 + 9 + 27, ['waiting']);
    expect((await call('POST', `/api/executions/${id}/cancel`, { reason: 'enough' })).status).toBe(202);
    await untilCount(id, 40, ['cancelled']);
    await expectEnded(id, 'cancelled');
  });

  it('cancels a tree whose parents are parked, while its leaves run', async () => {
    const leaf = graph(
      node('a', 'agent', { model: 'demo/echo', prompt: 'x', providerOptions: { demo: { hang: true } } }),
    );
    const id = await start(tree(2, 3, leaf));
    await untilCount(id, 9, ['running']);
    await untilParked(id);
    expect((await call('POST', `/api/executions/${id}/cancel`)).status).toBe(202);
    await untilCount(id, 13, ['cancelled']);
    await expectEnded(id, 'cancelled');
  });

  it('cancels children whose turn has not come', async () => {
    const items = Array.from({ length: 300 }, (_unused, index) => index);
    const id = await start(
      graph(node('map', 'map', { items, concurrency: 2, workflow: graph(delay('d', 3_600_000)) })),
    );
    await untilCount(id, 3, ['waiting']);
    await call('POST', `/api/executions/${id}/cancel`);
    await untilCount(id, 301, ['cancelled']);
    await expectEnded(id, 'cancelled');
  });

  it('cancels a branch in the middle, which fails the node above', async () => {
    const id = await start(tree(2, 2, graph(delay('d', 3_600_000))));
    await untilCount(id, 7, ['waiting']);
    const middle = (await rowsOf(id)).find(({ depth }) => depth === 1)!['id'] as string;
    await call('POST', `/api/executions/${middle}/cancel`);
    await new Watch(servers[1]!.url, pathOf(id)).done();
    const { body } = await call('GET', `/api/executions/${id}`);
    expect(body).toMatchObject({ status: 'failed', error: { code: 'child_failed' } });
    await expectEnded(id, 'failed');
  });

  it('pauses and resumes a tree', async () => {
    const items = [1, 2, 3, 4];
    const inner = graph(delay('d', 100), transform('t', 'input'));
    const id = await start(graph(node('map', 'map', { items, concurrency: 2, workflow: inner })));
    await untilCount(id, 1, ['waiting']);
    await call('POST', `/api/executions/${id}/pause`);
    await until('it is paused', async () => {
      const rows = await rowsOf(id);
      return rows.every(({ status }) => !['running', 'waiting'].includes(status as string));
    });
    const open = (await rowsOf(id)).filter(({ depth, completed_at }) => depth === 1 && completed_at === null);
    expect(open.length).toBeGreaterThan(0);
    const resumed = await call('POST', `/api/executions/${String(open[0]!['id'])}/resume`);
    expect(resumed).toMatchObject({ status: 409, body: { code: 'parent_paused' } });
    await call('POST', `/api/executions/${id}/resume`);
    await new Watch(servers[1]!.url, pathOf(id)).done();
    const { body } = await call('GET', `/api/executions/${id}`);
    expect(body).toMatchObject({ status: 'completed', output: items });
    await expectEnded(id, 'completed');
  });

  it('ends the children when the time limit of the parent has passed', async () => {
    const id = await start(tree(2, 2, graph(delay('d', 3_600_000))), null, { options: { timeoutMs: 1_500 } });
    await new Watch(servers[1]!.url, pathOf(id)).done();
    const { body } = await call('GET', `/api/executions/${id}`);
    expect(body).toMatchObject({ status: 'failed', error: { code: 'execution_timeout' } });
    await expectEnded(id, 'failed');
  });

  it('spreads the children of a map over both processes', async () => {
    const items = Array.from({ length: 100 }, (_unused, index) => index);
    const id = await start(
      graph(node('map', 'map', { items, concurrency: 20, workflow: graph(delay('d', 100)) })),
    );
    await until('both processes own children', async () => {
      const owners = new Set(
        (await rowsOf(id)).flatMap(({ owner, depth }) => (depth === 1 && owner ? [owner] : [])),
      );
      return owners.size === 2;
    });
    await new Watch(servers[1]!.url, pathOf(id)).done();
    await expectEnded(id, 'completed');
  });

  it('completes trees of which processes are killed', async () => {
    const items = Array.from({ length: 200 }, (_unused, index) => index);
    const inner = graph(delay('d', 30), transform('t', 'input'));
    const turns = {
      workflow: graph(delay('d', 30), transform('t', 'input + 1')),
      until: 'output = 30',
      maxIterations: 40,
    };
    const ids = await Promise.all([
      start(graph(node('map', 'map', { items, concurrency: 8, workflow: inner }))),
      start(graph(node('loop', 'loop', turns)), 0),
      start(tree(3, 3, graph(delay('d', 200)))),
    ]);
    for (const victim of [1, 0, 1]) {
      const before = (await client.query('SELECT count(*)::int AS events FROM cloutagent.events')).rows[0]
        .events;
      await until('the trees make progress or have ended', async () => {
        const { rows } = await client.query('SELECT count(*)::int AS events FROM cloutagent.events');
        const roots = await Promise.all(ids.map(async (id) => (await rowsOf(id))[0]!['completed_at']));
        return rows[0].events > before + 30 || roots.every((ended) => ended !== null);
      });
      await servers[victim]!.kill();
      servers[victim] = await Server.start({ DATABASE_URL: url, ...settings });
    }
    for (const id of ids) await until('it ends', async () => (await rowsOf(id))[0]!['completed_at'] !== null);
    for (const id of ids) await expectEnded(id, 'completed');
    const outputs = await Promise.all(
      ids.map(async (id) => (await call('GET', `/api/executions/${id}`)).body.output),
    );
    expect(outputs.slice(0, 2)).toEqual([items, 30]);
  }, 90_000);

  it('ends a tree of which a process is killed while it is cancelled', async () => {
    const leaf = graph(
      node('a', 'agent', { model: 'demo/echo', prompt: 'x', providerOptions: { demo: { hang: true } } }),
    );
    const id = await start(tree(3, 3, leaf));
    await untilCount(id, 27, ['running']);
    const cancelled = call('POST', `/api/executions/${id}/cancel`);
    await servers[1]!.kill();
    expect((await cancelled).status).toBe(202);
    await untilCount(id, 40, ['cancelled']);
    await expectEnded(id, 'cancelled');
    servers[1] = await Server.start({ DATABASE_URL: url, ...settings });
  });

  it.each(['cancel', 'pause'])(
    'repeats a %s whose process died before it marked the children',
    async (desired) => {
      const id = await start(tree(1, 3, graph(delay('d', 3_600_000))));
      await untilCount(id, 4, ['waiting']);
      await untilParked(id);
      await client.query(
        'UPDATE cloutagent.executions SET desired_state = $2, desired_state_at = now(), runnable_at = now() WHERE id = $1',
        [id, desired],
      );
      await untilCount(id, 4, [desired === 'cancel' ? 'cancelled' : 'paused']);
      if (desired === 'cancel') return expectEnded(id, 'cancelled');
      await call('POST', `/api/executions/${id}/cancel`);
      await untilCount(id, 4, ['cancelled']);
    },
  );

  it('shows roots only in a stream by filter, and the tree in a stream by root', async () => {
    const byFilter = new Watch(servers[1]!.url, '/api/executions/stream?projectId=demo');
    await byFilter.until((now) => now.established !== undefined);
    const id = await start(tree(2, 2, graph(delay('d', 50))));
    const byRoot = await new Watch(servers[1]!.url, `/api/executions/stream?rootId=${id}`).done();
    await byFilter.until((now) =>
      now.frames.some(({ type, data }) => TERMINAL.test(type) && data.executionId === id),
    );
    byFilter.close();
    expect(new Set(byFilter.frames.map(({ data }) => data.executionId))).toEqual(new Set([id]));
    const rows = await rowsOf(id);
    expect(new Set(byRoot.frames.map(({ data }) => data.executionId))).toEqual(
      new Set(rows.map((row) => row['id'])),
    );
    expect(byRoot.frames.filter(({ type }) => TERMINAL.test(type))).toHaveLength(7);
    const last = byRoot.frames.at(-1)!.cursor;
    const again = new Watch(servers[0]!.url, `/api/executions/stream?rootId=${id}`, {
      'last-event-id': last,
    });
    await again.done();
    expect(again.status).toBe(204);
  });
});
