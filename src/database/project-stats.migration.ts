import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * What the figures of a project are read from: the usage of each root that has ended, in narrow rows, and an index that has
 * all that the counts need. Before, each figure read the last costs of each execution from its events.
 */
export const projectStats: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // The numbers are numeric, because a model may report any number, and this row must not stop the end of its execution.
    await sql`
      CREATE TABLE cloutagent.root_usage (
        root_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        model text NOT NULL,
        project_id text NOT NULL,
        created_at timestamptz NOT NULL,
        input numeric NOT NULL,
        output numeric NOT NULL,
        cost_usd numeric,
        PRIMARY KEY (root_id, model)
      )`.execute(db);
    await sql`CREATE INDEX root_usage_created ON cloutagent.root_usage (project_id, created_at)`.execute(db);
    // The second condition on the type lets PostgreSQL use the index that leaves out chunks.
    await sql`
      CREATE FUNCTION cloutagent.usage_of_root(root uuid)
      RETURNS TABLE (model text, input numeric, output numeric, cost_usd numeric) LANGUAGE sql STABLE AS $$
        SELECT m.key, (m.value ->> 'input')::numeric, (m.value ->> 'output')::numeric, (m.value ->> 'costUSD')::numeric
        FROM (
          SELECT data FROM cloutagent.events
          WHERE execution_id = root AND type = 'execution:cost-update'
            AND type NOT IN ('execution:output', 'execution:thinking')
          ORDER BY sequence DESC LIMIT 1
        ) AS newest, json_each(newest.data::json -> 'modelUsage') AS m
        WHERE NOT EXISTS (SELECT FROM cloutagent.tree_usage AS t WHERE t.root_id = root)
      $$`.execute(db);
    await sql`
      CREATE FUNCTION cloutagent.record_root_usage() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cloutagent.root_usage (root_id, model, project_id, created_at, input, output, cost_usd)
        SELECT NEW.id, u.model, NEW.project_id, NEW.created_at, u.input, u.output, u.cost_usd
        FROM cloutagent.usage_of_root(NEW.id) AS u
        ON CONFLICT DO NOTHING;
        RETURN NULL;
      END $$`.execute(db);
    // A trigger after the statement sees the events that the same statement has inserted.
    await sql`
      CREATE TRIGGER executions_usage AFTER UPDATE OF completed_at ON cloutagent.executions FOR EACH ROW
        WHEN (NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL AND NEW.parent_id IS NULL)
        EXECUTE FUNCTION cloutagent.record_root_usage()`.execute(db);
    await sql`
      INSERT INTO cloutagent.root_usage (root_id, model, project_id, created_at, input, output, cost_usd)
      SELECT e.id, u.model, e.project_id, e.created_at, u.input, u.output, u.cost_usd
      FROM cloutagent.executions AS e CROSS JOIN LATERAL cloutagent.usage_of_root(e.id) AS u
      WHERE e.completed_at IS NOT NULL AND e.parent_id IS NULL
      ORDER BY e.created_at
      ON CONFLICT DO NOTHING`.execute(db);
    await sql`DROP INDEX cloutagent.executions_created`.execute(db);
    await sql`
      CREATE INDEX executions_created ON cloutagent.executions (project_id, created_at DESC, id DESC)
        INCLUDE (status, started_at, completed_at) WHERE parent_id IS NULL`.execute(db);
  },
};
