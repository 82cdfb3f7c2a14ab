import pg from 'pg';
import { type ListFilter, listStatement } from '../src/executions/queries/list-statement.js';
import { MAX_COUNTED_TASKS, pageStatement } from '../src/protocols/a2a/task-list-statement.js';
import { createDatabase, Server } from './support/server.js';

const ROOT = '00000000-0000-7000-8000-000000000001';
const CHILDREN = 12_000;
const TASKS = 12_000;
const LIMIT = 20;

const WORKFLOW = '{"nodes":[{"id":"a","type":"delay","data":{"config":{"ms":1}}}]}';
/** One child in 600 is rare, and one in 1,000 runs the workflow `b`. */
const INSERT_TREE = `
  INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, created_at, started_at,
    completed_at, tags, workflow_name, workflow_version, parent_id, parent_node_id, parent_index, root_id, depth)
  SELECT CASE WHEN n = 0 THEN '${ROOT}' ELSE gen_random_uuid() END, 'demo', CASE WHEN n % 3 = 1 THEN 'failed' ELSE 'completed' END,
    '1', '${WORKFLOW}', '{}', 'x', at, at, at, CASE WHEN n % 600 = 7 THEN '{prod,rare}' ELSE '{prod}' END::text[],
    CASE WHEN n % 1000 = 3 THEN 'b' WHEN n > 0 THEN 'a' END, CASE WHEN n > 0 THEN 1 + n % 2 END,
    CASE WHEN n > 0 THEN '${ROOT}'::uuid END, CASE WHEN n > 0 THEN 'map' END, CASE WHEN n > 0 THEN n END,
    CASE WHEN n > 0 THEN '${ROOT}'::uuid END, CASE WHEN n > 0 THEN 1 ELSE 0 END
  FROM generate_series(0, ${CHILDREN}) AS n, LATERAL (SELECT now() - n / 3 * interval '1 second' AS at) AS times`;
/** Most have ended. Of the others, one in 40 waits for an approval, and the rest for a timer. */
const INSERT_TASKS = `
  WITH inserted AS (
    INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, created_at, started_at,
      completed_at, workflow_name, workflow_version, attempt, parked)
    SELECT gen_random_uuid(), 'demo', CASE WHEN n % 4 = 0 THEN 'waiting' WHEN n % 500 = 1 THEN 'cancelled' ELSE 'completed' END,
      to_json(n), '${WORKFLOW}', '{}', 'x', at, at, CASE WHEN n % 4 > 0 THEN at + n % 50 * interval '1 minute' END, 'chat', 1, 1,
      n % 4 = 0
    FROM generate_series(1, ${TASKS}) AS n, LATERAL (SELECT now() - (n * 37 % ${TASKS}) * interval '1 second' AS at) AS times
    RETURNING id, created_at, status, (input::text)::int AS n
  ), waits AS (
    INSERT INTO cloutagent.waits (id, execution_id, project_id, node_id, step_id, key, kind, request, created_at)
    SELECT gen_random_uuid(), id, 'demo', 'a', 'a', 'k', CASE WHEN n % 160 = 0 THEN 'approval' ELSE 'timer' END, '{}',
      created_at + n % 7 * interval '1 minute'
    FROM inserted WHERE status = 'waiting'
  )
  INSERT INTO cloutagent.threads (execution_id, project_id, protocol, thread_id, data)
  SELECT id, 'demo', 'a2a', 'context-' || n % 3000,
    json_build_object('message', json_build_object('messageId', id, 'role', 'ROLE_USER', 'parts', '[]'::json))
  FROM inserted WHERE n % 2 = 0`;
const CHANGED = `
  SELECT e.id, e.status, coalesce(t.thread_id, e.id::text) AS context, coalesce(e.completed_at, greatest(e.created_at, e.started_at,
      (SELECT max(w.created_at) FROM cloutagent.waits AS w WHERE w.execution_id = e.id))) AS changed_at,
    EXISTS (SELECT FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND w.kind = 'approval') AS asks
  FROM cloutagent.executions AS e LEFT JOIN cloutagent.threads AS t ON t.execution_id = e.id WHERE workflow_name = 'chat'`;

interface Plan {
  'Relation Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

const EVERYTHING: Omit<ListFilter, 'limit'> = {
  projectIds: undefined,
  status: undefined,
  tag: undefined,
  parentId: undefined,
  rootId: undefined,
  rerunOf: undefined,
  workflow: undefined,
  createdAfter: undefined,
  createdBefore: undefined,
  withChildren: false,
  before: undefined,
};

describe('lists that read only the entries of their page', () => {
  let server: Server;
  let client: pg.Client;

  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({
      DATABASE_URL: url,
      RATE_LIMIT_REQUESTS: '1000000',
      JOURNAL_PACK_EVENTS_PER_SECOND: '0',
      DISPATCH_POLL_INTERVAL_MS: '600000',
    });
    client = new pg.Client({ connectionString: url });
    await client.connect();
    await server.call('PUT', '/api/workflows/demo/chat', { workflow: JSON.parse(WORKFLOW) as object });
    await client.query(INSERT_TREE);
    await client.query(INSERT_TASKS);
    await client.query('VACUUM (ANALYZE)');
  }, 60_000);
  afterAll(async () => {
    await client.end();
    await server.kill('SIGTERM');
  });

  const idsOf = async (text: string, values: unknown[] = []): Promise<string[]> =>
    (await client.query<{ id: string }>(text, values)).rows.map(({ id }) => id);

  /** Rows that a query reads from tables, also those that it reads in vain. */
  async function rowsReadBy({ text, values }: { text: string; values?: unknown[] }): Promise<number> {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    );
    const sum = (plan: Plan): number => {
      const own = plan['Relation Name']
        ? (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
        : 0;
      return (plan.Plans ?? []).reduce((total, child) => total + sum(child), own);
    };
    return sum(rows[0]!['QUERY PLAN'][0].Plan);
  }

  describe.each<[string, Record<string, string>, Partial<ListFilter>, string]>([
    ['a common tag', { tag: 'prod' }, { tag: 'prod' }, `'prod' = ANY (tags)`],
    ['a rare tag', { tag: 'rare' }, { tag: 'rare' }, `'rare' = ANY (tags)`],
    ['an absent tag', { tag: 'absent' }, { tag: 'absent' }, 'false'],
    ['a workflow', { workflow: 'a' }, { workflow: { name: 'a', version: undefined } }, `workflow_name = 'a'`],
    [
      'a rare workflow',
      { workflow: 'b' },
      { workflow: { name: 'b', version: undefined } },
      `workflow_name = 'b'`,
    ],
    [
      'an absent version',
      { workflow: 'a@7' },
      { workflow: { name: 'a', version: 7 } },
      `workflow_name = 'a' AND workflow_version = 7`,
    ],
    [
      'a version, a tag and a status',
      { workflow: 'a@2', tag: 'rare', status: 'failed' },
      { workflow: { name: 'a', version: 2 }, tag: 'rare', status: ['failed'] },
      `workflow_name = 'a' AND workflow_version = 2 AND 'rare' = ANY (tags) AND status = 'failed'`,
    ],
    ['another project', { projectId: 'other' }, { projectIds: ['other'] }, 'false'],
    [
      'its project',
      { projectId: 'demo', tag: 'rare' },
      { projectIds: ['demo'], tag: 'rare' },
      `'rare' = ANY (tags)`,
    ],
  ])('a tree with %s', (_name, query, filter, condition) => {
    it('is read in pages', async () => {
      const wanted = await idsOf(
        `SELECT id FROM cloutagent.executions WHERE root_id = $1 AND ${condition} ORDER BY created_at DESC, id DESC LIMIT 50`,
        [ROOT],
      );
      const found: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null && found.length < wanted.length) {
        const path = new URLSearchParams({ ...query, rootId: ROOT, limit: '20', ...(cursor && { cursor }) });
        const { body } = await server.call('GET', `/api/executions?${path.toString()}`);
        found.push(...(body.executions as { id: string }[]).map(({ id }) => id));
        cursor = body.nextCursor;
      }
      expect(found.slice(0, 50)).toEqual(wanted);
    });

    it('reads no more rows than its pages have', async () => {
      const statement = listStatement({ ...EVERYTHING, rootId: ROOT, limit: LIMIT, ...filter });
      expect(statement.isBounded).toBe(true);
      expect(await rowsReadBy(statement)).toBeLessThanOrEqual(7 * LIMIT + 1);
    });
  });

  const IN_STATE = {
    TASK_STATE_COMPLETED: `status = 'completed'`,
    TASK_STATE_CANCELED: `status = 'cancelled'`,
    TASK_STATE_FAILED: 'false',
    TASK_STATE_WORKING: `status = 'waiting' AND NOT asks`,
    TASK_STATE_INPUT_REQUIRED: `status = 'waiting' AND asks`,
  } as const;

  describe.each<[string, Record<string, string>, string]>([
    ['of any state', {}, 'true'],
    ...Object.entries(IN_STATE).map(
      ([status, condition]) =>
        [`of ${status}`, { status }, condition] as [string, Record<string, string>, string],
    ),
    ['of a context', { contextId: 'context-4' }, `context = 'context-4'`],
    ['of no context', { contextId: 'absent' }, 'false'],
  ])('A2A tasks %s', (_name, query, condition) => {
    it('are read in pages, the newest change first', async () => {
      const wanted = await idsOf(
        `SELECT id FROM (${CHANGED}) AS task WHERE ${condition} ORDER BY changed_at DESC, id DESC`,
      );
      const found: string[] = [];
      for (
        let pageToken = '', isFirst = true;
        isFirst || (pageToken !== '' && found.length < 60);
        isFirst = false
      ) {
        const path = new URLSearchParams({
          ...query,
          pageSize: String(LIMIT),
          ...(pageToken && { pageToken }),
        });
        const { status, body } = await server.call(
          'GET',
          `/api/a2a/demo/chat/tasks?${path.toString()}`,
          undefined,
          {
            'a2a-version': '1.0',
          },
        );
        const page = body as unknown as { tasks: { id: string }[]; nextPageToken: string; totalSize: number };
        expect([status, page.totalSize]).toEqual([200, Math.min(wanted.length, MAX_COUNTED_TASKS)]);
        found.push(...page.tasks.map(({ id }) => id));
        pageToken = page.nextPageToken;
      }
      expect(found).toEqual(wanted.slice(0, found.length));
      expect(found.length).toBe(Math.min(wanted.length, 60));
    });

    it('read no more rows than the pages have', async () => {
      const statement = pageStatement(
        {
          projectId: 'demo',
          name: 'chat',
          ...(query.status && { state: query.status }),
          ...query,
        } as Parameters<typeof pageStatement>[0],
        undefined,
        LIMIT,
      );
      // A page of each state, and the conversations of one page.
      expect(await rowsReadBy(statement)).toBeLessThanOrEqual(11 * LIMIT + LIMIT);
    });
  });

  it('finds a task that is a context of its own', async () => {
    const [id] = await idsOf(
      `SELECT id FROM (${CHANGED}) AS task WHERE context = id::text AND status = 'completed' LIMIT 1`,
    );
    const { body } = await server.call('GET', `/api/a2a/demo/chat/tasks?contextId=${id}`, undefined, {
      'a2a-version': '1.0',
    });
    expect(body).toMatchObject({ tasks: [{ id }], totalSize: 1 });
  });
});
