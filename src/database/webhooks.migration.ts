import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Webhooks, their signing secrets, the positions of their deliveries, and the log of attempts. The functions run as triggers on
 * `events`, which exist only while a webhook wants events (`src/deliveries/delivery-triggers.ts`).
 */
export const webhooks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.webhooks (
        id uuid PRIMARY KEY,
        project_id text NOT NULL,
        name text NOT NULL,
        url text NOT NULL,
        events text[] NOT NULL,
        enabled boolean NOT NULL,
        disabled_reason text,
        payload text NOT NULL CHECK (payload IN ('thin', 'full')),
        workflow_name text,
        tag text,
        cloud_events boolean NOT NULL,
        filter_version int NOT NULL DEFAULT 1,
        failing_since timestamptz,
        slow_since timestamptz,
        throttled_until timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        UNIQUE (project_id, name)
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.webhook_secrets (
        id uuid PRIMARY KEY,
        webhook_id uuid NOT NULL REFERENCES cloutagent.webhooks ON DELETE CASCADE,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz
      )`.execute(db);
    await sql`CREATE INDEX webhook_secrets_of ON cloutagent.webhook_secrets (webhook_id)`.execute(db);
    // As `deliveries`. There is no foreign key to webhooks: each append would lock the webhook's row.
    await sql`
      CREATE TABLE cloutagent.webhook_queue (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        webhook_id uuid NOT NULL,
        position int NOT NULL,
        target int NOT NULL,
        skip_after int,
        skip_to int,
        due_at timestamptz,
        waiting_since timestamptz,
        claim int NOT NULL DEFAULT 0,
        claimed_by text,
        attempts int NOT NULL DEFAULT 0,
        failed_sequence int,
        dead_at timestamptz,
        PRIMARY KEY (execution_id, webhook_id)
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)`.execute(db);
    await sql`
      CREATE INDEX webhook_queue_due ON cloutagent.webhook_queue (webhook_id, due_at) WHERE due_at IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE INDEX webhook_queue_dead ON cloutagent.webhook_queue (webhook_id) WHERE dead_at IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE INDEX webhook_queue_claimed ON cloutagent.webhook_queue (claimed_by) WHERE claimed_by IS NOT NULL`.execute(
      db,
    );
    // The body of a request is not stored: the event has it.
    await sql`
      CREATE TABLE cloutagent.webhook_attempts (
        id uuid PRIMARY KEY,
        webhook_id uuid NOT NULL REFERENCES cloutagent.webhooks ON DELETE CASCADE,
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        sequence int NOT NULL,
        type text NOT NULL,
        status text NOT NULL CHECK (status IN ('delivered', 'failed', 'dead')),
        attempt int NOT NULL,
        at timestamptz NOT NULL,
        duration_ms double precision NOT NULL,
        url text NOT NULL,
        payload text NOT NULL,
        cloud_events boolean NOT NULL,
        error text,
        next_attempt_at timestamptz,
        response_status int,
        response_headers json,
        response_body text
      )`.execute(db);
    await sql`CREATE INDEX webhook_attempts_newest ON cloutagent.webhook_attempts (webhook_id, id DESC)`.execute(
      db,
    );
    await sql`
      CREATE INDEX webhook_attempts_execution ON cloutagent.webhook_attempts (execution_id, webhook_id, id DESC)`.execute(
      db,
    );
    await sql`CREATE INDEX webhook_attempts_age ON cloutagent.webhook_attempts (at)`.execute(db);
    await sql`
      CREATE FUNCTION cloutagent.record_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cloutagent.webhook_queue AS q
          (execution_id, webhook_id, position, target, due_at, waiting_since)
        SELECT NEW.execution_id, w.id, NEW.sequence - 1, NEW.sequence, now(), now()
        FROM cloutagent.executions AS e JOIN cloutagent.webhooks AS w ON w.project_id = e.project_id
        WHERE e.id = NEW.execution_id AND e.parent_id IS NULL AND NEW.type = ANY (w.events)
          AND (w.workflow_name IS NULL OR w.workflow_name = e.workflow_name)
          AND (w.tag IS NULL OR w.tag = ANY (e.tags))
        ORDER BY w.id
        ON CONFLICT (execution_id, webhook_id) DO UPDATE SET
          position = least(q.position, excluded.position),
          target = greatest(q.target, excluded.target),
          due_at = CASE WHEN q.dead_at IS NULL THEN coalesce(q.due_at, excluded.due_at) END,
          waiting_since = coalesce(q.waiting_since, excluded.waiting_since);
        RETURN NULL;
      END $$`.execute(db);
    // The same for all inserted chunks at once, because one statement inserts many chunks of an execution.
    await sql`
      CREATE FUNCTION cloutagent.record_chunk_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cloutagent.webhook_queue AS q
          (execution_id, webhook_id, position, target, due_at, waiting_since)
        SELECT i.execution_id, w.id, min(i.sequence) - 1, max(i.sequence), now(), now()
        FROM inserted AS i JOIN cloutagent.executions AS e ON e.id = i.execution_id
        JOIN cloutagent.webhooks AS w ON w.project_id = e.project_id
        WHERE i.type IN ('execution:output', 'execution:thinking') AND e.parent_id IS NULL
          AND i.type = ANY (w.events)
          AND (w.workflow_name IS NULL OR w.workflow_name = e.workflow_name)
          AND (w.tag IS NULL OR w.tag = ANY (e.tags))
        GROUP BY i.execution_id, w.id ORDER BY i.execution_id, w.id
        ON CONFLICT (execution_id, webhook_id) DO UPDATE SET
          position = least(q.position, excluded.position),
          target = greatest(q.target, excluded.target),
          due_at = CASE WHEN q.dead_at IS NULL THEN coalesce(q.due_at, excluded.due_at) END,
          waiting_since = coalesce(q.waiting_since, excluded.waiting_since);
        RETURN NULL;
      END $$`.execute(db);
  },
};
