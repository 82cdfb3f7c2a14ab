import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * The indexes of `executions` that only lists used. An update of an execution wrote an entry to each of them. `list_entries`
 * replaces them once it is complete (`list-backfill.ts`). The last one marks that this work is not done.
 */
export const REPLACED_INDEXES = [
  'executions_roots',
  'executions_all_roots',
  'executions_of_workflow',
  'executions_roots_of_workflow',
  'executions_roots_of_version',
  'executions_created',
  'executions_all_created',
  'executions_of_parent',
  'executions_tree',
  'executions_reruns',
  'executions_newest',
] as const;

/** The indexes of trees and re-runs, in the order of lists. */
export const TREE_INDEXES = {
  executions_of_parent_newest: '(parent_id, status, created_at, id) WHERE parent_id IS NOT NULL',
  executions_of_root_newest: '(root_id, status, created_at, id) WHERE root_id IS NOT NULL',
  executions_reruns_newest: '(rerun_of, status, created_at, id) WHERE rerun_of IS NOT NULL',
} as const;

const NEWEST = (type: string): string => `(
  SELECT data FROM cloutagent.events
  WHERE execution_id = execution AND type = '${type}' AND type NOT IN ('execution:output', 'execution:thinking')
  ORDER BY sequence DESC LIMIT 1)`;

/**
 * Reads a member of an event's data, as SQL. Its value is a number, null, or an object of numbers. It is cut out of the text,
 * because PostgreSQL cannot parse data with U+0000 or a lone surrogate, which names of models may have. A text in the data
 * cannot look like a member: its quotes are escaped.
 */
const member = (data: string, name: string, value = '[^,{}]*'): string =>
  `substring(${data} FROM '"${name}":(${value})')::json`;

/** ms from the start to the end, as the API shows them. */
const DURATION_MS = (row: string): string => `round(extract(epoch FROM
  date_trunc('milliseconds', ${row}.completed_at) - date_trunc('milliseconds', ${row}.started_at)) * 1000)::bigint`;

/** Whether an execution has an open wait that a client can end. */
const asks = (id: string): string => `EXISTS (
  SELECT FROM cloutagent.waits AS w WHERE w.execution_id = ${id} AND w.outcome IS NULL
    AND w.kind IN ('approval', 'signal', 'tool', 'failure'))`;

/**
 * Inserts the entries of executions. An execution of a saved workflow that has no parent is a task: only the entry of such a one
 * has the time of its last change.
 * @param source a FROM item with the alias e
 */
export const insertEntries = (source: string): string => `
  INSERT INTO cloutagent.list_entries
    (execution_id, tag, status, project_id, is_root, root_id, workflow_name, workflow_version, created_at, changed_at, asks,
      duration_ms, summary)
  SELECT e.id, t.tag, e.status, e.project_id, e.parent_id IS NULL, e.root_id, e.workflow_name, e.workflow_version, e.created_at,
    CASE WHEN t.tag = '' AND e.parent_id IS NULL AND e.workflow_name IS NOT NULL THEN
      coalesce(e.completed_at, greatest(e.created_at, e.started_at, (
        SELECT max(greatest(w.created_at, w.settled_at)) FROM cloutagent.waits AS w WHERE w.execution_id = e.id))) END,
    t.tag = '' AND e.parent_id IS NULL AND e.workflow_name IS NOT NULL AND e.completed_at IS NULL AND ${asks('e.id')},
    ${DURATION_MS('e')},
    CASE WHEN e.completed_at IS NOT NULL AND t.tag = '' THEN cloutagent.summary_of(e.id) END
  FROM ${source} CROSS JOIN LATERAL (SELECT '' AS tag UNION SELECT unnest(e.tags)) AS t
  ON CONFLICT DO NOTHING`;

/**
 * Lists find executions by entries of their own: one for each execution, with the tag '', and one for each of its tags. Each
 * index begins with columns that a list compares by equality, and ends with the order of lists. Entries of executions that
 * have ended are never updated, so that their indexes have no dead entries. Changes of the numbers of executions are rows
 * without an index, which are summed later, so that no two transactions wait for each other.
 */
export const listEntries: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const run = async (statement: string): Promise<void> => {
      await sql.raw(statement).execute(db);
    };
    await run(`
      CREATE TABLE cloutagent.list_entries (
        execution_id uuid NOT NULL,
        tag text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        project_id text COLLATE "C" NOT NULL,
        is_root boolean NOT NULL,
        root_id uuid,
        workflow_name text COLLATE "C",
        workflow_version int,
        created_at timestamptz NOT NULL,
        changed_at timestamptz,
        asks boolean NOT NULL DEFAULT false,
        duration_ms bigint,
        summary json,
        PRIMARY KEY (execution_id, tag, status)
      ) PARTITION BY LIST (status)`);
    await run(`
      CREATE TABLE cloutagent.open_list_entries PARTITION OF cloutagent.list_entries
        FOR VALUES IN ('queued', 'running', 'waiting', 'paused')
        WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05)`);
    await run(`
      CREATE TABLE cloutagent.ended_list_entries PARTITION OF cloutagent.list_entries
        FOR VALUES IN ('completed', 'failed', 'cancelled')`);
    await run(`
      CREATE INDEX list_entries_of_project ON cloutagent.list_entries
        (project_id, tag, is_root, status, created_at, execution_id) INCLUDE (duration_ms)`);
    await run(`
      CREATE INDEX list_entries_of_all ON cloutagent.list_entries (tag, is_root, status, created_at, execution_id)`);
    await run(`
      CREATE INDEX list_entries_of_workflow ON cloutagent.list_entries
        (project_id, workflow_name, tag, is_root, status, created_at, execution_id) WHERE workflow_name IS NOT NULL`);
    await run(`
      CREATE INDEX list_entries_of_version ON cloutagent.list_entries
        (project_id, workflow_name, workflow_version, tag, is_root, status, created_at, execution_id)
        WHERE workflow_name IS NOT NULL`);
    // The same for the executions of a tree.
    await run(`
      CREATE INDEX list_entries_of_tree ON cloutagent.list_entries (root_id, tag, status, created_at, execution_id)
        WHERE root_id IS NOT NULL`);
    await run(`
      CREATE INDEX list_entries_of_tree_workflow ON cloutagent.list_entries
        (root_id, workflow_name, tag, status, created_at, execution_id)
        WHERE root_id IS NOT NULL AND workflow_name IS NOT NULL`);
    await run(`
      CREATE INDEX list_entries_of_tree_version ON cloutagent.list_entries
        (root_id, workflow_name, workflow_version, tag, status, created_at, execution_id)
        WHERE root_id IS NOT NULL AND workflow_name IS NOT NULL`);
    await run(`
      CREATE INDEX list_entries_of_tasks ON cloutagent.list_entries
        (project_id, workflow_name, status, asks, changed_at, execution_id) WHERE changed_at IS NOT NULL`);
    // A list of all projects looks up the projects that have a workflow of a name.
    await run('CREATE INDEX workflows_of_name ON cloutagent.workflows (name, project_id)');
    await run(`
      CREATE TABLE cloutagent.execution_counts (
        project_id text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        count bigint NOT NULL,
        PRIMARY KEY (project_id, status)
      )`);
    await run(`
      CREATE TABLE cloutagent.execution_count_changes (
        project_id text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        change bigint NOT NULL
      ) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05)`);
    await createFunctions(run);
    // From here on, appends and starts wait until the migration commits.
    await createTriggers(run);
    await run(insertEntries('(SELECT * FROM cloutagent.executions WHERE completed_at IS NULL) AS e'));
    await run(`
      INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
      SELECT project_id, status, count(*) FROM cloutagent.list_entries WHERE tag = '' AND is_root GROUP BY 1, 2`);
    const { rows } = await sql`SELECT FROM cloutagent.executions LIMIT 1`.execute(db);
    if (rows.length > 0) return;
    for (const [name, definition] of Object.entries(TREE_INDEXES))
      await run(`CREATE INDEX ${name} ON cloutagent.executions ${definition}`);
    for (const name of REPLACED_INDEXES) await run(`DROP INDEX cloutagent.${name}`);
  },
};

async function createFunctions(run: (statement: string) => Promise<void>): Promise<void> {
  // The second condition on the type lets PostgreSQL use the index that leaves out chunks. A workflow may be large, so it is
  // read only if no event has the number of its nodes.
  await run(`
    CREATE FUNCTION cloutagent.node_count(execution uuid) RETURNS int LANGUAGE plpgsql STABLE AS $$
    BEGIN
      RETURN (SELECT json_array_length(workflow -> 'nodes') FROM cloutagent.executions WHERE id = execution);
    EXCEPTION WHEN data_exception THEN
      -- A text of the workflow has U+0000 or a lone surrogate.
      RETURN 0;
    END $$`);
  await run(`
    CREATE FUNCTION cloutagent.summary_of(execution uuid) RETURNS json LANGUAGE sql STABLE AS $$
      SELECT json_build_object(
        'progress', coalesce(
          (SELECT json_build_object('completedSteps', ${member('p', 'completedSteps')},
            'totalSteps', ${member('p', 'totalSteps')}, 'percent', ${member('p', 'percent')})
            FROM ${NEWEST('execution:progress')} AS newest(p)),
          json_build_object('completedSteps', 0, 'totalSteps', cloutagent.node_count(execution), 'percent', 0)),
        'tokenUsage', coalesce(${member(NEWEST('execution:token-usage'), 'usage', '\\{[^{}]*\\}')},
          '{"input":0,"output":0,"total":0}'),
        'costUSD', coalesce(${member(NEWEST('execution:cost-update'), 'totalCostUSD')}, '0'),
        'lastSequence', coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = execution), 0))
    $$`);
  await run(`
    CREATE FUNCTION cloutagent.add_list_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      ${insertEntries('inserted AS e')};
      INSERT INTO cloutagent.unpacked_executions SELECT id, completed_at FROM inserted WHERE completed_at IS NOT NULL;
      INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
      SELECT project_id, status, count(*) FROM inserted WHERE parent_id IS NULL GROUP BY 1, 2;
      RETURN NULL;
    END $$`);
  // Each statement names its partition: to find the partition of a row would double the cost.
  await run(`
    CREATE FUNCTION cloutagent.move_list_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.completed_at IS NULL THEN
        UPDATE cloutagent.open_list_entries SET status = NEW.status,
          changed_at = CASE WHEN changed_at IS NOT NULL THEN greatest(changed_at, NEW.started_at) END
        WHERE execution_id = NEW.id;
      ELSE
        WITH ended AS (DELETE FROM cloutagent.open_list_entries WHERE execution_id = NEW.id RETURNING *)
        INSERT INTO cloutagent.ended_list_entries (execution_id, tag, status, project_id, is_root, root_id, workflow_name,
          workflow_version, created_at, changed_at, duration_ms, summary)
        SELECT execution_id, tag, NEW.status, project_id, is_root, root_id, workflow_name, workflow_version, created_at,
          CASE WHEN changed_at IS NOT NULL THEN NEW.completed_at END, ${DURATION_MS('NEW')}, CASE WHEN tag = '' THEN cloutagent.summary_of(NEW.id) END
        FROM ended;
        INSERT INTO cloutagent.unpacked_executions VALUES (NEW.id, NEW.completed_at);
      END IF;
      IF NEW.parent_id IS NULL THEN
        INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
        VALUES (NEW.project_id, OLD.status, -1), (NEW.project_id, NEW.status, 1);
      END IF;
      RETURN NULL;
    END $$`);
  // A task changes when a wait begins or ends. It asks its client while it has an open wait that a client can end. Every statement
  // that changes a wait has locked the row of its execution before, so two of them never wait for each other.
  await run(`
    CREATE FUNCTION cloutagent.change_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE cloutagent.open_list_entries AS l SET changed_at = greatest(l.changed_at, c.at), asks = ${asks('l.execution_id')}
      FROM (SELECT execution_id, max(greatest(created_at, settled_at)) AS at FROM changed GROUP BY 1) AS c
      WHERE l.execution_id = c.execution_id AND l.tag = '' AND l.changed_at IS NOT NULL;
      RETURN NULL;
    END $$`);
  // The array makes every plan find the entries by their primary key.
  await run(`
    CREATE FUNCTION cloutagent.delete_list_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      WITH gone AS (
        DELETE FROM cloutagent.list_entries WHERE execution_id = ANY (ARRAY(SELECT id FROM deleted))
        RETURNING project_id, status, tag, is_root
      )
      INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
      SELECT project_id, status, -count(*) FROM gone WHERE tag = '' AND is_root GROUP BY 1, 2;
      RETURN NULL;
    END $$`);
}

async function createTriggers(run: (statement: string) => Promise<void>): Promise<void> {
  await run(`
    CREATE TRIGGER executions_listed AFTER INSERT ON cloutagent.executions REFERENCING NEW TABLE AS inserted
      FOR EACH STATEMENT EXECUTE FUNCTION cloutagent.add_list_entries()`);
  // A trigger after the statement sees the events that the same statement has inserted.
  await run(`
    CREATE TRIGGER executions_moved AFTER UPDATE OF status ON cloutagent.executions FOR EACH ROW
      WHEN (OLD.status <> NEW.status AND OLD.completed_at IS NULL) EXECUTE FUNCTION cloutagent.move_list_entries()`);
  await run(`
    CREATE TRIGGER waits_begun AFTER INSERT ON cloutagent.waits REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION cloutagent.change_tasks()`);
  await run(`
    CREATE TRIGGER waits_ended AFTER UPDATE ON cloutagent.waits REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION cloutagent.change_tasks()`);
  await run(`
    CREATE TRIGGER executions_unlisted AFTER DELETE ON cloutagent.executions REFERENCING OLD TABLE AS deleted
      FOR EACH STATEMENT EXECUTE FUNCTION cloutagent.delete_list_entries()`);
}
