import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { agentRounds } from './agent-rounds.migration.js';
import { claimAtStart } from './claim-at-start.migration.js';
import { definitions } from './definitions.migration.js';
import { listEntries } from './list-entries.migration.js';
import { bulkOperations } from './operations.migration.js';
import { packedJournals } from './packed-journals.migration.js';
import { projectStats } from './project-stats.migration.js';
import { schedules } from './schedules.migration.js';
import { secrets } from './secrets.migration.js';
import { treeCosts } from './tree-costs.migration.js';
import { shortRows } from './short-rows.migration.js';
import { threads } from './threads.migration.js';
import { webhooks } from './webhooks.migration.js';

/** The schema of every table. */
export const SCHEMA = 'cloutagent';

const initial: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.executions (
        id uuid PRIMARY KEY,
        project_id text NOT NULL,
        status text NOT NULL DEFAULT 'queued'
          CHECK (status IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')),
        input json NOT NULL,
        workflow json NOT NULL,
        options json NOT NULL,
        tags text[] NOT NULL DEFAULT '{}',
        output json,
        error json,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        started_at timestamptz,
        completed_at timestamptz,
        idempotency_key text,
        request_hash text,
        control text NOT NULL DEFAULT 'run' CHECK (control IN ('run', 'pause', 'cancel')),
        control_by text,
        control_reason text,
        attempt int NOT NULL DEFAULT 0,
        owner text
      )`.execute(db);
    await sql`CREATE INDEX executions_newest ON cloutagent.executions (project_id, id DESC)`.execute(db);
    await sql`CREATE INDEX executions_live ON cloutagent.executions (owner) WHERE completed_at IS NULL AND owner IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX executions_over ON cloutagent.executions (completed_at) WHERE completed_at IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE UNIQUE INDEX executions_idempotency ON cloutagent.executions (project_id, created_by, idempotency_key)
        WHERE idempotency_key IS NOT NULL`.execute(db);
    // There is no foreign key to executions: its check would cost a lookup for each append, and only retention deletes.
    await sql`
      CREATE TABLE cloutagent.events (
        execution_id uuid NOT NULL,
        sequence int NOT NULL CHECK (sequence > 0),
        type text NOT NULL,
        data text NOT NULL,
        PRIMARY KEY (execution_id, sequence)
      )`.execute(db);
    // Covers the events that determine an execution's state, without its many chunks.
    await sql`
      CREATE INDEX events_milestones ON cloutagent.events (execution_id, sequence)
        WHERE type NOT IN ('execution:output', 'execution:thinking')`.execute(db);
    await sql`
      CREATE TABLE cloutagent.approvals (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        node_id text NOT NULL,
        approved boolean NOT NULL,
        comment text,
        decided_by text NOT NULL,
        decided_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (execution_id, node_id)
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.api_keys (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        hash bytea NOT NULL UNIQUE,
        prefix text NOT NULL,
        projects text[] NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text,
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.stream_tickets (
        hash bytea PRIMARY KEY,
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        principal json NOT NULL,
        expires_at timestamptz NOT NULL
      )`.execute(db);
    await sql`CREATE INDEX stream_tickets_expiry ON cloutagent.stream_tickets (expires_at)`.execute(db);
  },
};

const deaths: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE cloutagent.executions ADD COLUMN deaths int NOT NULL DEFAULT 0`.execute(db);
  },
};

/**
 * Supports multi-execution streams. The id of the transaction that changed an execution's status shows exactly what has
 * changed since a snapshot, including late commits. An ordinal keeps cursors small.
 */
const statusChanges: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE cloutagent.executions
        ADD COLUMN ordinal bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        ADD COLUMN created_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
        ADD COLUMN running_in xid8,
        ADD COLUMN paused_in xid8,
        ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()`.execute(db);
    await sql`
      CREATE FUNCTION cloutagent.note_status() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.changed_in := pg_current_xact_id();
        IF NEW.status = 'running' THEN NEW.running_in := NEW.changed_in; END IF;
        IF NEW.status = 'paused' THEN NEW.paused_in := NEW.changed_in; END IF;
        RETURN NEW;
      END $$`.execute(db);
    await sql`
      CREATE TRIGGER executions_status BEFORE UPDATE OF status ON cloutagent.executions
        FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION cloutagent.note_status()`.execute(
      db,
    );
    await sql`CREATE INDEX executions_changed ON cloutagent.executions (changed_in, ordinal)`.execute(db);
    await sql`CREATE INDEX executions_open ON cloutagent.executions (project_id, ordinal) WHERE completed_at IS NULL`.execute(
      db,
    );
    // A ticket opens the stream of one execution or of a filter.
    await sql`
      ALTER TABLE cloutagent.stream_tickets
        ALTER COLUMN execution_id DROP NOT NULL,
        ADD COLUMN filter text,
        ADD CHECK (num_nonnulls(execution_id, filter) = 1)`.execute(db);
  },
};

const resumableTickets: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE cloutagent.stream_tickets ADD COLUMN used_by text`.execute(db);
  },
};

/**
 * Queues an execution by its own row instead of by a job of pg-boss. Every open execution is queued again: the processes of
 * the previous release have ended, so no process owns it.
 */
const rowQueue: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE cloutagent.executions RENAME COLUMN deaths TO crash_count`.execute(db);
    await sql`
      ALTER TABLE cloutagent.executions
        ADD COLUMN runnable_at timestamptz,
        ADD COLUMN idle boolean NOT NULL DEFAULT false,
        ADD COLUMN crashed_owners text[] NOT NULL DEFAULT '{}'`.execute(db);
    await sql`
      CREATE TABLE cloutagent.processes (
        identity text PRIMARY KEY,
        started_at timestamptz NOT NULL DEFAULT now(),
        beat_at timestamptz NOT NULL DEFAULT now()
      )`.execute(db);
    await sql`
      UPDATE cloutagent.executions SET owner = NULL, crash_count = 0, runnable_at = created_at
      WHERE completed_at IS NULL`.execute(db);
    await sql`UPDATE cloutagent.executions SET owner = NULL WHERE owner IS NOT NULL`.execute(db);
    await sql`
      CREATE INDEX executions_runnable ON cloutagent.executions (project_id, runnable_at, id)
        WHERE runnable_at IS NOT NULL`.execute(db);
    await sql`
      CREATE INDEX executions_slots ON cloutagent.executions (project_id)
        WHERE owner IS NOT NULL AND NOT idle`.execute(db);
    await sql`
      CREATE INDEX executions_stranded ON cloutagent.executions (id)
        WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL`.execute(db);
    await sql`
      CREATE INDEX executions_cancelling ON cloutagent.executions (id)
        WHERE completed_at IS NULL AND owner IS NULL AND control = 'cancel'`.execute(db);
    await sql`CREATE INDEX executions_crashed ON cloutagent.executions (id) WHERE crashed_owners <> '{}'`.execute(
      db,
    );
    // Another application may have queues in the schema pgboss. In that case only the queue of this application is removed.
    await sql`
      DO $$
      DECLARE others boolean;
      BEGIN
        IF to_regclass('pgboss.queue') IS NULL THEN RETURN; END IF;
        EXECUTE $q$SELECT EXISTS (SELECT FROM pgboss.queue WHERE name <> 'executions' AND name NOT LIKE '\_\_pgboss\_\_%')$q$ INTO others;
        IF others THEN
          EXECUTE $q$DELETE FROM pgboss.job WHERE name = 'executions'$q$;
          EXECUTE $q$DELETE FROM pgboss.queue WHERE name = 'executions'$q$;
        ELSE
          EXECUTE 'DROP SCHEMA pgboss CASCADE';
        END IF;
      END $$`.execute(db);
  },
};

/** Renames columns to standard terms. PostgreSQL adapts the indexes by itself, but not the trigger's function. */
const standardTerms: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const renames = {
      control: 'desired_state',
      control_by: 'desired_state_by',
      control_reason: 'desired_state_reason',
      created_in: 'created_xid',
      running_in: 'running_xid',
      paused_in: 'paused_xid',
      changed_in: 'changed_xid',
    };
    for (const [before, after] of Object.entries(renames))
      await sql`ALTER TABLE cloutagent.executions RENAME COLUMN ${sql.id(before)} TO ${sql.id(after)}`.execute(
        db,
      );
    await sql`ALTER FUNCTION cloutagent.note_status() RENAME TO record_status_xid`.execute(db);
    await sql`
      CREATE OR REPLACE FUNCTION cloutagent.record_status_xid() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.changed_xid := pg_current_xact_id();
        IF NEW.status = 'running' THEN NEW.running_xid := NEW.changed_xid; END IF;
        IF NEW.status = 'paused' THEN NEW.paused_xid := NEW.changed_xid; END IF;
        RETURN NEW;
      END $$`.execute(db);
  },
};

/**
 * Adds durable subscribers and the position of each one in each execution. The functions run as triggers on `events`, which
 * exist only while a subscriber wants events (`src/deliveries/delivery-triggers.ts`).
 */
const durableSubscribers: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.subscribers (
        id text PRIMARY KEY,
        types text[] NOT NULL,
        registered_at timestamptz NOT NULL DEFAULT now(),
        registered_xmin xid8 NOT NULL DEFAULT pg_snapshot_xmin(pg_current_snapshot()),
        is_backfilled boolean NOT NULL DEFAULT false,
        active_at timestamptz NOT NULL DEFAULT now()
      )`.execute(db);
    // The free space in each page keeps an update of a row on its page, so that it changes no index.
    await sql`
      CREATE TABLE cloutagent.deliveries (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        subscriber text NOT NULL,
        position int NOT NULL,
        target int NOT NULL,
        due_at timestamptz,
        waiting_since timestamptz,
        claim int NOT NULL DEFAULT 0,
        claimed_by text,
        attempts int NOT NULL DEFAULT 0,
        failed_sequence int,
        last_error text,
        dead_at timestamptz,
        PRIMARY KEY (execution_id, subscriber)
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)`.execute(db);
    await sql`CREATE INDEX deliveries_due ON cloutagent.deliveries (subscriber, due_at) WHERE due_at IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX deliveries_dead ON cloutagent.deliveries (subscriber, execution_id) WHERE dead_at IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX deliveries_claimed ON cloutagent.deliveries (claimed_by) WHERE claimed_by IS NOT NULL`.execute(
      db,
    );
    await sql`
      CREATE FUNCTION cloutagent.record_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cloutagent.deliveries AS d (execution_id, subscriber, position, target, due_at, waiting_since)
        SELECT NEW.execution_id, s.id, NEW.sequence - 1, NEW.sequence, now(), now()
        FROM cloutagent.subscribers AS s WHERE NEW.type = ANY (s.types) ORDER BY s.id
        ON CONFLICT (execution_id, subscriber) DO UPDATE SET
          position = least(d.position, excluded.position),
          target = greatest(d.target, excluded.target),
          due_at = CASE WHEN d.dead_at IS NULL THEN coalesce(d.due_at, excluded.due_at) END,
          waiting_since = coalesce(d.waiting_since, excluded.waiting_since);
        RETURN NULL;
      END $$`.execute(db);
    // The same for all inserted chunks at once, because one statement inserts many chunks of an execution.
    await sql`
      CREATE FUNCTION cloutagent.record_chunk_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO cloutagent.deliveries AS d (execution_id, subscriber, position, target, due_at, waiting_since)
        SELECT i.execution_id, s.id, min(i.sequence) - 1, max(i.sequence), now(), now()
        FROM inserted AS i JOIN cloutagent.subscribers AS s ON i.type = ANY (s.types)
        WHERE i.type IN ('execution:output', 'execution:thinking')
        GROUP BY i.execution_id, s.id ORDER BY i.execution_id, s.id
        ON CONFLICT (execution_id, subscriber) DO UPDATE SET
          position = least(d.position, excluded.position),
          target = greatest(d.target, excluded.target),
          due_at = CASE WHEN d.dead_at IS NULL THEN coalesce(d.due_at, excluded.due_at) END,
          waiting_since = coalesce(d.waiting_since, excluded.waiting_since);
        RETURN NULL;
      END $$`.execute(db);
  },
};

/**
 * Stores the answers to requests that made an API key with an Idempotency-Key. Such an answer contains the key's secret, so
 * it is encrypted by the caller's own credential (`auth/sealed-answer.ts`).
 */
const keyRequests: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.key_requests (
        principal text NOT NULL,
        idempotency_hash bytea NOT NULL,
        body_hash bytea NOT NULL,
        key_id uuid NOT NULL REFERENCES cloutagent.api_keys ON DELETE CASCADE,
        sealed_answer bytea,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (principal, idempotency_hash)
      )`.execute(db);
    await sql`CREATE INDEX key_requests_expiry ON cloutagent.key_requests (expires_at)`.execute(db);
  },
};

/**
 * Adds the status `waiting`, waits, signals, callbacks, trees of executions with one counter of usage each, and re-runs.
 * Executions that wait for an approval run their node again, which then waits by a row.
 */
const workflowLanguage: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE cloutagent.executions
        DROP CONSTRAINT executions_status_check,
        ADD CONSTRAINT executions_status_check
          CHECK (status IN ('queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')) NOT VALID,
        ADD COLUMN waiting_xid xid8,
        ADD COLUMN desired_state_at timestamptz,
        ADD COLUMN parked boolean NOT NULL DEFAULT false,
        ADD COLUMN wakes int NOT NULL DEFAULT 0,
        ADD COLUMN parent_id uuid,
        ADD COLUMN parent_node_id text,
        ADD COLUMN parent_index int,
        ADD COLUMN parent_wait_id uuid,
        ADD COLUMN superseded boolean NOT NULL DEFAULT false,
        ADD COLUMN root_id uuid,
        ADD COLUMN depth int NOT NULL DEFAULT 0,
        ADD COLUMN rerun_of uuid,
        ADD COLUMN kept json`.execute(db);
    await sql`
      CREATE OR REPLACE FUNCTION cloutagent.record_status_xid() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        NEW.changed_xid := pg_current_xact_id();
        IF NEW.status = 'running' THEN NEW.running_xid := NEW.changed_xid; END IF;
        IF NEW.status = 'waiting' THEN NEW.waiting_xid := NEW.changed_xid; END IF;
        IF NEW.status = 'paused' THEN NEW.paused_xid := NEW.changed_xid; END IF;
        RETURN NEW;
      END $$`.execute(db);
    await sql`
      CREATE UNIQUE INDEX executions_children ON cloutagent.executions (parent_id, parent_node_id, parent_index)
        WHERE parent_id IS NOT NULL AND NOT superseded`.execute(db);
    await sql`
      CREATE INDEX executions_cancelling_owned ON cloutagent.executions (desired_state_at)
        WHERE completed_at IS NULL AND owner IS NOT NULL AND desired_state = 'cancel'`.execute(db);
    // Counts the open children of a wait, and finds the next ones whose turn has not come, without reading the others.
    await sql`
      CREATE INDEX executions_open_children ON cloutagent.executions
        (parent_id, parent_wait_id, (CASE WHEN attempt = 0 AND runnable_at IS NULL THEN 1 ELSE 0 END), parent_index)
        WHERE parent_id IS NOT NULL AND completed_at IS NULL`.execute(db);
    await sql`
      CREATE INDEX executions_failed_children ON cloutagent.executions (parent_wait_id)
        WHERE parent_wait_id IS NOT NULL AND status IN ('failed', 'cancelled')`.execute(db);
    await sql`
      CREATE INDEX executions_of_wait ON cloutagent.executions (parent_wait_id)
        WHERE parent_wait_id IS NOT NULL`.execute(db);
    await sql`
      CREATE INDEX executions_of_parent ON cloutagent.executions (parent_id, id) WHERE parent_id IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX executions_tree ON cloutagent.executions (root_id, id) WHERE root_id IS NOT NULL`.execute(
      db,
    );
    await sql`CREATE INDEX executions_roots ON cloutagent.executions (project_id, id DESC) WHERE parent_id IS NULL`.execute(
      db,
    );
    await sql`CREATE INDEX executions_all_roots ON cloutagent.executions (id DESC) WHERE parent_id IS NULL`.execute(
      db,
    );
    await sql`CREATE INDEX executions_reruns ON cloutagent.executions (rerun_of, id) WHERE rerun_of IS NOT NULL`.execute(
      db,
    );
    // Executions that are parked, and children whose turn has not come, are legal without an owner. A slower check looks
    // at them.
    await sql`DROP INDEX cloutagent.executions_stranded`.execute(db);
    await sql`
      CREATE INDEX executions_stranded ON cloutagent.executions (id)
        WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL AND NOT parked
          AND (parent_id IS NULL OR attempt > 0)`.execute(db);
    await sql`
      CREATE INDEX executions_parked ON cloutagent.executions (id)
        WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL AND parked`.execute(db);
    await sql`
      CREATE TABLE cloutagent.waits (
        id uuid PRIMARY KEY,
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        project_id text NOT NULL,
        node_id text NOT NULL,
        step_id text NOT NULL,
        key text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('approval', 'signal', 'timer', 'children', 'tool', 'failure')),
        request json NOT NULL,
        signal text,
        assignees text[],
        created_at timestamptz NOT NULL DEFAULT now(),
        until timestamptz,
        outcome text
          CHECK (outcome IN ('answered', 'expired', 'signalled', 'fired', 'children-done', 'cancelled')),
        answer json,
        settled_by text,
        settled_at timestamptz,
        recorded boolean NOT NULL DEFAULT false,
        UNIQUE (execution_id, node_id, key)
      )`.execute(db);
    await sql`CREATE INDEX waits_due ON cloutagent.waits (until) WHERE outcome IS NULL AND until IS NOT NULL`.execute(
      db,
    );
    // The inbox reads a page of each kind: of each project, or of all projects.
    await sql`CREATE INDEX waits_inbox ON cloutagent.waits (project_id, kind, id) WHERE outcome IS NULL`.execute(
      db,
    );
    await sql`CREATE INDEX waits_inbox_all ON cloutagent.waits (kind, id) WHERE outcome IS NULL`.execute(db);
    await sql`
      CREATE INDEX waits_children ON cloutagent.waits (execution_id)
        WHERE outcome IS NULL AND kind = 'children'`.execute(db);
    await sql`CREATE INDEX waits_unrecorded ON cloutagent.waits (execution_id) WHERE NOT recorded`.execute(
      db,
    );
    await sql`
      CREATE TABLE cloutagent.signals (
        id uuid PRIMARY KEY,
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        name text NOT NULL,
        body json NOT NULL,
        sent_by text NOT NULL,
        sent_at timestamptz NOT NULL DEFAULT now(),
        idempotency_key text,
        wait_id uuid
      )`.execute(db);
    await sql`CREATE INDEX signals_kept ON cloutagent.signals (execution_id, name, id) WHERE wait_id IS NULL`.execute(
      db,
    );
    await sql`
      CREATE UNIQUE INDEX signals_idempotency ON cloutagent.signals (execution_id, sent_by, idempotency_key)
        WHERE idempotency_key IS NOT NULL`.execute(db);
    await sql`
      CREATE TABLE cloutagent.callbacks (
        hash bytea PRIMARY KEY,
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        node_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        used_at timestamptz
      )`.execute(db);
    await sql`CREATE INDEX callbacks_execution ON cloutagent.callbacks (execution_id, node_id)`.execute(db);
    await sql`
      CREATE TABLE cloutagent.tree_usage (
        root_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        model text NOT NULL,
        input bigint NOT NULL,
        output bigint NOT NULL,
        PRIMARY KEY (root_id, model)
      ) WITH (fillfactor = 70)`.execute(db);
    // Decisions that no owner has applied yet: their nodes run again, and find a wait that was answered.
    await sql`
      INSERT INTO cloutagent.waits
        (id, execution_id, project_id, node_id, step_id, key, kind, request, outcome, answer, settled_by, settled_at, recorded)
      SELECT gen_random_uuid(), e.id, e.project_id, a.node_id, '', 'approval', 'approval', '{}', 'answered',
        json_build_object('approved', a.approved, 'comment', a.comment, 'values', NULL), a.decided_by, a.decided_at, true
      FROM cloutagent.approvals AS a JOIN cloutagent.executions AS e ON e.id = a.execution_id
      WHERE e.completed_at IS NULL`.execute(db);
    await sql`DROP TABLE cloutagent.approvals`.execute(db);
  },
};

/** All migrations, in order. A released migration is never changed. */
export const MIGRATIONS: Record<string, Migration> = {
  '0001-initial': initial,
  '0002-deaths': deaths,
  '0003-status-changes': statusChanges,
  '0004-resumable-tickets': resumableTickets,
  '0005-row-queue': rowQueue,
  '0006-standard-terms': standardTerms,
  '0007-durable-subscribers': durableSubscribers,
  '0008-key-requests': keyRequests,
  '0009-workflow-language': workflowLanguage,
  '0010-agent-rounds': agentRounds,
  '0011-tree-costs': treeCosts,
  '0012-definitions': definitions,
  '0013-secrets': secrets,
  '0014-webhooks': webhooks,
  '0015-schedules': schedules,
  '0016-bulk-operations': bulkOperations,
  '0017-project-stats': projectStats,
  '0018-threads': threads,
  '0019-packed-journals': packedJournals,
  '0020-list-entries': listEntries,
  '0021-claim-at-start': claimAtStart,
  '0022-short-rows': shortRows,
};
