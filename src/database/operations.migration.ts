import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Operations on many executions, what remains of deleted executions, and the indexes of lists by workflow and by time. */
export const bulkOperations: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // The keys of requests whose executions were deleted. A repeated request must not start a second execution.
    await sql`
      CREATE TABLE cloutagent.deleted_requests (
        project_id text NOT NULL,
        principal text NOT NULL,
        key_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (project_id, principal, key_hash)
      )`.execute(db);
    await sql`CREATE INDEX deleted_requests_expiry ON cloutagent.deleted_requests (expires_at)`.execute(db);
    await sql`
      CREATE TABLE cloutagent.operations (
        id uuid PRIMARY KEY,
        project_id text NOT NULL,
        action text NOT NULL CHECK (action IN ('cancel', 'rerun')),
        filter json NOT NULL,
        reason text,
        principal json NOT NULL,
        created_by text NOT NULL,
        idempotency_key text,
        request_hash bytea NOT NULL,
        total int NOT NULL DEFAULT 0,
        succeeded int NOT NULL DEFAULT 0,
        failed int NOT NULL DEFAULT 0,
        failures json NOT NULL DEFAULT '[]',
        created_at timestamptz NOT NULL DEFAULT now(),
        completed_at timestamptz,
        claimed_by text,
        worked_at timestamptz NOT NULL DEFAULT now()
      )`.execute(db);
    await sql`CREATE INDEX operations_newest ON cloutagent.operations (project_id, id DESC)`.execute(db);
    await sql`CREATE INDEX operations_open ON cloutagent.operations (worked_at) WHERE completed_at IS NULL`.execute(
      db,
    );
    await sql`CREATE INDEX operations_ended ON cloutagent.operations (completed_at) WHERE completed_at IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE UNIQUE INDEX operations_idempotency ON cloutagent.operations (project_id, created_by, idempotency_key)
        WHERE idempotency_key IS NOT NULL`.execute(db);
    // The executions that an operation has still to act on.
    await sql`
      CREATE TABLE cloutagent.operation_items (
        operation_id uuid NOT NULL REFERENCES cloutagent.operations ON DELETE CASCADE,
        execution_id uuid NOT NULL,
        PRIMARY KEY (operation_id, execution_id)
      )`.execute(db);
    await sql`
      CREATE INDEX executions_created ON cloutagent.executions (project_id, created_at DESC, id DESC)
        WHERE parent_id IS NULL`.execute(db);
    await sql`
      CREATE INDEX executions_all_created ON cloutagent.executions (created_at DESC, id DESC)
        WHERE parent_id IS NULL`.execute(db);
    await sql`
      CREATE INDEX executions_roots_of_workflow ON cloutagent.executions (project_id, workflow_name, id DESC)
        WHERE workflow_name IS NOT NULL AND parent_id IS NULL`.execute(db);
    await sql`
      CREATE INDEX executions_roots_of_version ON cloutagent.executions
        (project_id, workflow_name, workflow_version, id DESC)
        WHERE workflow_name IS NOT NULL AND parent_id IS NULL`.execute(db);
  },
};
