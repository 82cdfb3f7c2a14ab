import pg from 'pg';

const BATCH = 20_000;
/** Words of prompts, so that a workflow compresses as text does. */
const WORDS =
  'answer the question of the customer in three short sentences and name each source that you have used then check every claim against the documents below'.split(
    ' ',
  );

const WORKFLOWS = 1_000;
/** Connections that insert at the same time. */
const WRITERS = 2;

// Workflows of 2 KB with different prompts. Their rows are so wide that PostgreSQL compresses them once, and each execution gets
// a compressed copy: that is as large as a workflow of its own, and much quicker to make.
const MAKE_WORKFLOWS = `
  CREATE TABLE public.bench_workflows (n int PRIMARY KEY, workflow json STORAGE MAIN NOT NULL,
    filler char(2000) STORAGE MAIN NOT NULL DEFAULT '') WITH (toast_tuple_target = 128);
  INSERT INTO public.bench_workflows
  SELECT n, (
    SELECT json_build_object('nodes', json_agg(json_build_object('id', 'node-' || k, 'type', 'agent', 'data',
      json_build_object('label', 'Step ' || k, 'config', json_build_object('model', 'demo/echo', 'temperature', 0.2, 'prompt', (
        SELECT string_agg(w, ' ') FROM (
          SELECT ('{${WORDS.join(',')}}'::text[])[1 + ((n * 31 + k * 17 + j * j * 7) % ${WORDS.length})] AS w
          FROM generate_series(1, 42) AS j
        ) AS words))))), 'edges', '[]'::json)
    FROM generate_series(1, 5) AS k)
  FROM generate_series(0, ${WORKFLOWS - 1}) AS n`;

// Projects: p1 has 40 %, p2 20 %, p3 10 %, p4 to p200 the rest. 0.2 % are paused and 0.1 % start in a year; none runs. Half have
// the tag of the environment, one of 20,000 is urgent, and each customer has 50.
const ROWS = `
  SELECT n, uuidv7(at - now()) AS id, at, CASE WHEN n % 10 < 4 THEN 'p1' WHEN n % 10 < 6 THEN 'p2' WHEN n % 10 = 6 THEN 'p3'
      ELSE 'p' || (4 + n / 10 % 197) END AS project,
    CASE WHEN n % 1000 < 2 THEN 'paused' WHEN n % 1000 = 2 THEN 'queued' WHEN n % 100 BETWEEN 3 AND 5 THEN 'failed'
      WHEN n % 100 = 6 THEN 'cancelled' ELSE 'completed' END AS status,
    array_remove(ARRAY[CASE WHEN n % 2 = 0 THEN 'prod' END, CASE WHEN n % 20000 = 77 THEN 'urgent' END,
      CASE WHEN n % 3 = 0 THEN 'customer-' || n % greatest($2::bigint / 50, 1) END], NULL) AS tags,
    CASE WHEN n % 10 < 7 THEN (ARRAY['compare', 'report', 'sync'])[1 + n / 10 % 3] END AS workflow,
    1 + (n * 40 / $2)::int AS version
  FROM (SELECT n, now() - (($2 - n)::float8 / $2) * interval '29 days' AS at
    FROM generate_series($1::bigint, least($1::bigint + ${BATCH - 1}, $2)) AS n) AS numbers`;

const INSERT = `
  WITH rows AS MATERIALIZED (${ROWS}), inserted AS (
    INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, tags, output, created_at, created_by,
      started_at, completed_at, request_hash, desired_state, attempt, parked, runnable_at, start_at, workflow_name,
      workflow_version, error)
    SELECT id, project, status, json_build_object('question', 'What does case ' || rows.n || ' say about the delivery?'),
      w.workflow, '{}', tags, json_build_object('answer', repeat('The delivery was late. ', 8)), at, 'key:bench', at,
      CASE WHEN status IN ('completed', 'failed', 'cancelled') THEN at + rows.n % 60 * interval '1 second' END, md5(rows.n::text),
      CASE WHEN status = 'paused' THEN 'pause' ELSE 'run' END, 1, status = 'paused',
      CASE WHEN status = 'queued' THEN now() + interval '1 year' END,
      CASE WHEN status = 'queued' THEN now() + interval '1 year' END, rows.workflow,
      CASE WHEN rows.workflow IS NOT NULL THEN version END,
      CASE WHEN status = 'failed' THEN '{"message":"The model did not answer.","code":"model_timeout"}'::json END
    FROM rows JOIN public.bench_workflows AS w ON w.n = rows.n % ${WORKFLOWS} ORDER BY rows.n
  )
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT id, e.sequence, e.type, '{"executionId":"' || id || '","timestamp":"' || at || '","projectId":"' || project || '",' || e.rest || '}'
  FROM rows CROSS JOIN (VALUES
    (1, 'execution:started', '"attempt":1'),
    (2, 'execution:progress', '"completedSteps":5,"totalSteps":5,"percent":100'),
    (3, 'execution:token-usage', '"usage":{"input":120,"output":340,"total":460}'),
    (4, 'execution:cost-update', '"totalCostUSD":0.012,"modelUsage":{"demo/echo":{"input":120,"output":340,"costUSD":0.012}}')
  ) AS e(sequence, type, rest)
  ORDER BY id, e.sequence`;

// As the triggers would make them. They read the events of each execution, of which all have the same numbers.
const ENTRIES = `
  INSERT INTO cloutagent.list_entries (execution_id, tag, status, project_id, is_root, workflow_name, workflow_version,
    created_at, changed_at, duration_ms, summary)
  SELECT e.id, t.tag, e.status, e.project_id, true, e.workflow_name, e.workflow_version, e.created_at,
    CASE WHEN t.tag = '' AND e.workflow_name IS NOT NULL THEN coalesce(e.completed_at, e.created_at) END,
    extract(epoch FROM e.completed_at - e.started_at) * 1000,
    CASE WHEN t.tag = '' AND e.completed_at IS NOT NULL THEN '{"progress":{"completedSteps":5,"totalSteps":5,"percent":100},
      "tokenUsage":{"input":120,"output":340,"total":460},"costUSD":0.012,"lastSequence":4}'::json END
  FROM cloutagent.executions AS e CROSS JOIN LATERAL (SELECT '' AS tag UNION ALL SELECT unnest(e.tags)) AS t`;
const UNPACKED = `
  INSERT INTO cloutagent.unpacked_executions
  SELECT id, completed_at FROM cloutagent.executions WHERE completed_at IS NOT NULL`;
const COUNTS = `
  INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
  SELECT project_id, status, count(*) FROM cloutagent.list_entries WHERE tag = '' AND is_root GROUP BY 1, 2`;

// One root with 10,000 children, of which one in a thousand has failed.
const TREE = `
  WITH root AS (SELECT id, project_id, created_at FROM cloutagent.executions WHERE project_id = 'p1' AND status = 'completed'
    ORDER BY id DESC LIMIT 1)
  INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, tags, created_at, created_by, started_at,
    completed_at, attempt, parent_id, parent_node_id, parent_index, root_id, depth)
  SELECT gen_random_uuid(), project_id, CASE WHEN s.n % 1000 = 7 THEN 'failed' ELSE 'completed' END, to_json(s.n),
    w.workflow, '{}', '{prod}', created_at + interval '1 second', 'key:bench', created_at, created_at + interval '2 seconds', 1,
    id, 'map', s.n, id, 1
  FROM root, generate_series(1, 10000) AS s(n) JOIN public.bench_workflows AS w ON w.n = s.n % ${WORKFLOWS}`;

/** The indexes of a table that are no constraints, as statements. Building them at the end takes less than filling them. */
const INDEXES = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name, replace(pg_get_indexdef(c.oid), ' ON ONLY ', ' ON ') AS definition
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE i.indrelid = ANY ($1::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)`;

/**
 * Fills a database that has the schema with executions of 29 days.
 * @param count 0 if it is filled already
 * @returns the id of a root with 10,000 children
 */
export async function insertExecutions(url: string, count: number): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    if (count > 0) await insertAll(client, url, count);
    await client.query('VACUUM (ANALYZE)');
    const { rows } = await client.query<{ id: string }>(
      'SELECT root_id AS id FROM cloutagent.executions WHERE root_id IS NOT NULL LIMIT 1',
    );
    return rows[0]!.id;
  } finally {
    await client.end();
  }
}

async function insertAll(client: pg.Client, url: string, count: number): Promise<void> {
  await client.query(
    `SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'`,
  );
  await client.query(
    `INSERT INTO cloutagent.workflows (project_id, name, newest)
     SELECT 'p' || n, name, 40 FROM generate_series(1, 200) AS n, unnest('{compare,report,sync}'::text[]) AS name
     ON CONFLICT DO NOTHING`,
  );
  await client.query(MAKE_WORKFLOWS);
  const { rows } = await client.query<{ exists: boolean }>(
    `SELECT to_regclass('cloutagent.list_entries') IS NOT NULL AS exists`,
  );
  const hasEntries = rows[0]!.exists;
  const tables = ['cloutagent.executions', ...(hasEntries ? ['cloutagent.list_entries'] : [])];
  const indexes = (await client.query<{ name: string; definition: string }>(INDEXES, [tables])).rows;
  for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => insertPart(url, count, writer)));
  if (hasEntries) {
    await client.query(ENTRIES);
    await client.query(COUNTS);
    await client.query(UNPACKED);
  }
  for (const { definition } of indexes) await client.query(definition);
  await client.query(TREE);
  await client.query('DROP TABLE public.bench_workflows');
}

/** Inserts the batches of one writer, with the triggers turned off. */
async function insertPart(url: string, count: number, writer: number): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(
      `SET synchronous_commit = off; SET work_mem = '256MB'; SET session_replication_role = replica`,
    );
    for (let first = 1 + writer * BATCH; first <= count; first += WRITERS * BATCH)
      await client.query(INSERT, [first, count]);
  } finally {
    await client.end();
  }
}
