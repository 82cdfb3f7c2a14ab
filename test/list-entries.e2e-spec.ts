import type { Execution, ExecutionSummary } from '@cloutagent/contract';
import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform, tree } from './support/trees.js';
import { until } from './support/until.js';
import { agent, delay } from './support/watch.js';

/** What the entries of all executions must be. */
const EXPECTED = `
  SELECT e.id, t.tag, e.status, e.project_id, e.parent_id IS NULL, e.root_id, e.workflow_name, e.workflow_version, e.created_at,
    CASE WHEN t.tag = '' AND e.parent_id IS NULL AND e.workflow_name IS NOT NULL THEN coalesce(e.completed_at,
      greatest(e.created_at, e.started_at, (SELECT max(greatest(created_at, settled_at)) FROM cloutagent.waits WHERE execution_id = e.id))) END,
    t.tag = '' AND e.parent_id IS NULL AND e.workflow_name IS NOT NULL AND e.completed_at IS NULL
      AND e.id IN (SELECT execution_id FROM cloutagent.waits WHERE outcome IS NULL AND kind = 'approval')
  FROM cloutagent.executions AS e CROSS JOIN LATERAL (SELECT '' AS tag UNION SELECT unnest(e.tags)) AS t`;
const ENTRIES = `
  SELECT execution_id, tag, status, project_id, is_root, root_id, workflow_name, workflow_version, created_at, changed_at, asks
  FROM cloutagent.list_entries`;
const COUNTED = `
  SELECT project_id, status, count(*) FROM cloutagent.executions WHERE parent_id IS NULL GROUP BY 1, 2`;
const NUMBERS = `
  SELECT project_id, status, sum(n)::bigint FROM (
    SELECT project_id, status, count FROM cloutagent.execution_counts WHERE project_id <> ''
    UNION ALL SELECT * FROM cloutagent.execution_count_changes
  ) AS numbers(project_id, status, n) GROUP BY 1, 2 HAVING sum(n) <> 0`;
const TOTALS = `
  SELECT status, sum(n)::bigint FROM (
    SELECT status, count FROM cloutagent.execution_counts WHERE project_id = ''
    UNION ALL SELECT status, change FROM cloutagent.execution_count_changes
  ) AS numbers(status, n) GROUP BY 1 HAVING sum(n) <> 0`;
const TOTALS_COUNTED = `
  SELECT status, count(*) FROM cloutagent.executions WHERE parent_id IS NULL GROUP BY 1`;

describe('entries of lists and numbers of executions', () => {
  let servers: Server[];
  let database: pg.Client;
  const settings: Record<string, string> = {
    RATE_LIMIT_REQUESTS: '100000',
    RETRY_BASE_MS: '1',
    COUNT_SUM_INTERVAL_MS: '20',
    DISPATCH_POLL_INTERVAL_MS: '100',
    PROCESS_RECONNECT_TIMEOUT_MS: '100',
  };

  beforeAll(async () => {
    settings['DATABASE_URL'] = await createDatabase();
    database = new pg.Client({ connectionString: settings['DATABASE_URL'] });
    await database.connect();
    servers = await Promise.all([Server.start(settings), Server.start(settings)]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await database.end();
  });

  /** Rows that only one of two queries has, in one snapshot. */
  const differences = async (a: string, b: string): Promise<unknown[]> =>
    (await database.query(`((${a}) EXCEPT ALL (${b})) UNION ALL ((${b}) EXCEPT ALL (${a}))`)).rows;
  const call = (method: string, path: string, body?: object) =>
    servers[0]!.call(method, `/api/executions${path}`, body);
  const open = async (): Promise<number> => {
    const { rows } = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM cloutagent.executions WHERE completed_at IS NULL AND status <> 'paused'`,
    );
    return rows[0]!.n;
  };

  it('fit the executions through every change of status, deletions and kills', async () => {
    const requests = [
      run(graph(agent('a', { chunks: 3, delayMs: 20 })), 'x', { tags: ['t', 'u', 't'] }),
      run(graph(transform('a', '$error("no")')), 1, { tags: ['t'], projectId: 'other' }),
      run(tree(2, 3, graph(delay('leaf', 30))), 'x', { tags: ['tree'] }),
      run(graph(node('a', 'approval', {})), 'x'),
      run(graph(delay('a', 60_000)), 'x', { tags: ['long'] }),
      run(graph(delay('a', 1)), 'x', { startAt: new Date(Date.now() + 3_600_000).toISOString() }),
    ];
    const saved = { workflow: graph(node('a', 'approval', {}), delay('b', 20), node('c', 'approval', {})) };
    expect((await servers[0]!.call('PUT', '/api/workflows/demo/asking', saved)).status).toBe(201);
    requests.push({
      projectId: 'demo',
      workflowRef: 'asking',
      input: 'x',
      tags: ['t'],
    } as object as (typeof requests)[0]);
    const started: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const answers = await call('POST', '/batch', { executions: requests });
      for (const { execution } of answers.body.results) started.push(execution!.id);
      const single = await call('POST', '', requests[round % 3]);
      started.push(single.body.id);
      // One process dies in the middle, and another one takes its executions over.
      await servers.pop()!.kill('SIGKILL');
      servers.push(await Server.start(settings));
      const [paused, cancelled, deleted] = [started.at(-3)!, started.at(-2)!, started.at(-5)!];
      await call('POST', `/${paused}/pause`);
      await call('POST', `/${cancelled}/cancel`);
      await until('an execution can be deleted', async () => {
        const { status } = await call('DELETE', `/${deleted}`);
        return status === 200 || (await call('POST', `/${deleted}/cancel`), false);
      });
      const { body } = await servers[0]!.call('GET', '/api/waits?projectId=demo&kind=approval');
      const [first] = body.waits as unknown as { waitId: string }[];
      if (first) await servers[0]!.call('POST', `/api/waits/${first.waitId}/answer`, { approved: true });
      expect(await differences(EXPECTED, ENTRIES)).toEqual([]);
      expect(await differences(COUNTED, NUMBERS)).toEqual([]);
      expect(await differences(TOTALS_COUNTED, TOTALS)).toEqual([]);
    }
    for (const id of started) await call('POST', `/${id}/cancel`);
    await until('all executions have ended', async () => (await open()) === 0);
    expect(await differences(EXPECTED, ENTRIES)).toEqual([]);
    expect(await differences(COUNTED, NUMBERS)).toEqual([]);
    await until('all changes are summed', async () => {
      const { rows } = await database.query('SELECT FROM cloutagent.execution_count_changes');
      return rows.length === 0;
    });
    expect(await differences(COUNTED, NUMBERS)).toEqual([]);
    expect(await differences(TOTALS_COUNTED, TOTALS)).toEqual([]);
  });

  it('show what the execution itself shows', async () => {
    const { body } = await call('GET', '?children=true&limit=100');
    const summaries = body.executions as ExecutionSummary[];
    expect(summaries.length).toBeGreaterThan(40);
    expect(new Set(summaries.map(({ status }) => status)).size).toBeGreaterThan(2);
    for (const { inputPreview: _preview, progress, ...summary } of summaries) {
      const shown = (await call('GET', `/${summary.id}`)).body as Execution;
      const { input: _input, output: _output, steps: _steps, waits: _waits, ...rest } = shown;
      expect(summary).toEqual(rest);
      expect(progress.totalSteps).toBeGreaterThan(0);
    }
  });

  it('give the figures of a project and the metrics', async () => {
    const { rows } = await database.query<{ status: string; n: number }>(
      `SELECT status, count(*)::int AS n FROM cloutagent.executions
       WHERE parent_id IS NULL AND project_id = 'other' GROUP BY 1`,
    );
    const stored = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
    const { body } = await servers[0]!.call('GET', '/api/projects/other/stats');
    expect(body.stored).toEqual(stored);
    const all = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM cloutagent.executions WHERE parent_id IS NULL AND status = 'cancelled'`,
    );
    await until('the metric has the number', async () => {
      const { text } = await servers[0]!.call('GET', '/metrics');
      return text.includes(`cloutagent_executions_stored{status="cancelled"} ${all.rows[0]!.n}\n`);
    });
  });

  it('bound the time of a list that no index bounds', async () => {
    const slow = await Server.start({ ...settings, LIST_TIMEOUT_MS: '1' });
    try {
      await database.query(
        `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, completed_at,
           parent_id, parent_node_id, parent_index, root_id, depth)
         SELECT gen_random_uuid(), 'wide', 'completed', '1', '{"nodes":[]}', '{}', 'x', now(), $1, 'a', n, $1, 1
         FROM generate_series(1, 10000) AS n`,
        ['00000000-0000-7000-8000-000000000001'],
      );
      const path = '/api/executions?parentId=00000000-0000-7000-8000-000000000001&tag=absent';
      const { status, body } = await slow.call('GET', path);
      expect([status, body.code]).toEqual([503, 'list_timeout']);
      expect((await slow.call('GET', '/api/executions?status=failed')).status).toBe(200);
      expect((await servers[0]!.call('GET', path)).body.executions).toEqual([]);
    } finally {
      await slow.kill('SIGTERM');
    }
  });
});
