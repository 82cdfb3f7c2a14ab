import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Schedules and triggers, and what finds executions that may begin later. */
export const schedules: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // The clock of schedules. Tests of time zones replace it in their own database.
    await sql`
      CREATE FUNCTION cloutagent.schedule_now() RETURNS timestamptz LANGUAGE sql AS 'SELECT clock_timestamp()'`.execute(
      db,
    );
    await sql`
      CREATE TABLE cloutagent.schedules (
        project_id text NOT NULL,
        name text NOT NULL,
        workflow_ref text NOT NULL,
        input json NOT NULL,
        cron text NOT NULL,
        time_zone text NOT NULL,
        overlap text NOT NULL CHECK (overlap IN ('skip', 'enqueue', 'cancel-running')),
        catch_up text NOT NULL CHECK (catch_up IN ('none', 'one', 'all')),
        enabled boolean NOT NULL,
        next_at timestamptz,
        pending timestamptz[] NOT NULL DEFAULT '{}',
        wake_at timestamptz,
        last_at timestamptz,
        last_execution_id uuid,
        last_error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        PRIMARY KEY (project_id, name)
      )`.execute(db);
    await sql`CREATE INDEX schedules_due ON cloutagent.schedules (wake_at) WHERE wake_at IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE TABLE cloutagent.triggers (
        project_id text NOT NULL,
        name text NOT NULL,
        workflow_ref text NOT NULL,
        source text NOT NULL,
        secret text NOT NULL,
        map text,
        enabled boolean NOT NULL,
        last_at timestamptz,
        last_execution_id uuid,
        last_error text,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        PRIMARY KEY (project_id, name)
      )`.execute(db);
    // Finds the open executions of a schedule, however many have ended.
    await sql`
      CREATE INDEX executions_of_schedule ON cloutagent.executions (project_id, created_by)
        WHERE completed_at IS NULL AND parent_id IS NULL AND created_by LIKE 'schedule:%'`.execute(db);
    await sql`
      CREATE INDEX executions_delayed ON cloutagent.executions (start_at)
        WHERE start_at IS NOT NULL AND attempt = 0 AND completed_at IS NULL`.execute(db);
  },
};
