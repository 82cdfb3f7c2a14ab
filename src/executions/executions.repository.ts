import { Injectable } from '@nestjs/common';
import type {
  ExecutionOptions,
  ExecutionStatus,
  Json,
  StartExecution,
  Workflow,
  WorkflowVersionRef,
} from '@cloutagent/contract';
import { v7 as uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import { isOpen } from '../database/is-open.js';
import type { DesiredState, KeptWork } from '../database/schema.js';
import { lastSequenceOf } from '../journal/newest-events.js';
import { NotFoundError } from '../problems/problem.error.js';
import type { InsertClaim } from '../engine/dispatch/execution-queue.js';
import type { ExecutionRow } from '../engine/execution-row.js';
import type { ExecutionThread } from '../streaming/formats/event-format.js';

type SmallRow = Omit<ExecutionRow, 'input' | 'workflow' | 'options' | 'output' | 'kept'>;
const SMALL_COLUMNS = `id, project_id, status, tags, error, created_at, created_by, started_at, completed_at, idempotency_key,
  request_hash, desired_state, desired_state_by, desired_state_reason, desired_state_at, attempt, crash_count,
  crashed_owners, owner, runnable_at, idle, parked, wakes, parent_id, parent_node_id, parent_index, parent_wait_id,
  superseded, root_id, depth, rerun_of, workflow_name, workflow_version, start_at, secret_versions`;

// A re-run redacts the secrets that the execution has used whose work it keeps.
const INSERT_RERUN = `
  INSERT INTO cloutagent.executions
    (id, project_id, input, workflow, options, tags, created_by, idempotency_key, request_hash, rerun_of, kept,
     workflow_name, workflow_version, runnable_at, secret_versions)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now(),
    coalesce((SELECT secret_versions FROM cloutagent.executions WHERE id = $10), '{}')) RETURNING *`;

// A deletion waits for this lock, so its answer names the re-run. Its events were all there when they were copied.
const LOCK_REPEATED = 'SELECT FROM cloutagent.executions WHERE id = $1 FOR KEY SHARE';

/**
 * Inserts many executions. Those whose idempotency key is taken are left out, also by an earlier one of the list. They are
 * inserted in the order of their keys, because statements with the same keys in another order would wait for each other. The
 * queue orders them by id. The first ones that may run now are claimed for `$3`, at most `$5`. Those of a conversation never
 * stand without it. The large columns are not returned: the caller has them.
 */
const INSERT_ALL = `
  WITH given AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS r(position int, id uuid, project_id text, input text, workflow text,
      options text, tags text[], created_by text, idempotency_key text, request_hash text, workflow_name text,
      workflow_version int, start_at timestamptz, protocol text, thread_id text, thread_data text)
  ), projects AS MATERIALIZED (
    SELECT project_id, cloutagent.claimable($2, $3, project_id, $4) AS slots
    FROM given WHERE $5 > 0 AND start_at IS NULL GROUP BY project_id
  ), claimed AS MATERIALIZED (
    SELECT id FROM (
      SELECT id, position, row_number() OVER (PARTITION BY project_id ORDER BY position) <= slots AS has_slot
      FROM given JOIN projects USING (project_id) WHERE start_at IS NULL
    ) AS ranked WHERE has_slot ORDER BY position LIMIT $5
  ), inserted AS (
    INSERT INTO cloutagent.executions
      (id, project_id, input, workflow, options, tags, created_by, idempotency_key, request_hash,
       workflow_name, workflow_version, start_at, owner, attempt, runnable_at)
    SELECT g.id, project_id, input::json, workflow::json, options::json, tags, created_by, idempotency_key, request_hash,
      workflow_name, workflow_version, start_at, CASE WHEN c.id IS NOT NULL THEN $3 END,
      CASE WHEN c.id IS NULL THEN 0 ELSE 1 END, CASE WHEN c.id IS NULL THEN greatest(now(), start_at) END
    FROM given AS g LEFT JOIN claimed AS c ON c.id = g.id
    ORDER BY idempotency_key, project_id, position
    ON CONFLICT (project_id, created_by, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING ${SMALL_COLUMNS}
  ), thread AS (
    INSERT INTO cloutagent.threads (execution_id, project_id, protocol, thread_id, data)
    SELECT id, g.project_id, protocol, g.thread_id, thread_data::json
    FROM given AS g JOIN inserted USING (id) WHERE protocol IS NOT NULL
  )
  SELECT * FROM inserted`;

/** The columns of an execution that are needed before its events are sent. */
export interface ExecutionHead {
  readonly id: string;
  readonly projectId: string;
  /** The execution at the top of its tree; null for a root. */
  readonly rootId: string | null;
  readonly status: ExecutionStatus;
  readonly lastSequence: number;
}

/** What an execution is made of, once the saved workflow that its request names has been read. */
export interface NewExecution extends Pick<
  StartExecution,
  'projectId' | 'input' | 'options' | 'tags' | 'startAt'
> {
  readonly workflow: Workflow;
  /** The saved workflow that `workflow` is a version of. */
  readonly savedAs?: WorkflowVersionRef | undefined;
  /** The conversation of a client that it belongs to. A re-run has none. */
  readonly thread?: ExecutionThread | undefined;
}

/** The execution that a new one repeats. */
export interface Repeated {
  rerunOf: string;
  kept: KeptWork;
}

/** The origin of an execution. */
export interface Origin {
  /** Id of the principal. */
  createdBy: string;
  idempotencyKey: string | undefined;
  /** SHA-256 of the request, in hex. */
  requestHash: string;
}

/** An execution that is to be inserted: its columns, those of JSON as texts, and its conversation. */
export interface NewRow {
  readonly id: string;
  readonly project_id: string;
  readonly input: string;
  readonly workflow: string;
  readonly options: string;
  readonly tags: readonly string[];
  readonly created_by: string;
  readonly idempotency_key: string | undefined;
  readonly request_hash: string;
  readonly workflow_name: string | undefined;
  readonly workflow_version: number | undefined;
  readonly start_at: NewExecution['startAt'];
  readonly protocol?: string;
  readonly thread_id?: string;
  readonly thread_data?: string;
}

/** Makes the row of a request, with a new id. */
export const newRow = (request: NewExecution, origin: Origin): NewRow => ({
  id: uuidv7(),
  project_id: request.projectId,
  input: JSON.stringify(request.input),
  workflow: JSON.stringify(request.workflow),
  options: JSON.stringify(request.options ?? {}),
  tags: request.tags,
  created_by: origin.createdBy,
  idempotency_key: origin.idempotencyKey,
  request_hash: origin.requestHash,
  workflow_name: request.savedAs?.name,
  workflow_version: request.savedAs?.version,
  start_at: request.startAt,
  ...(request.thread && {
    protocol: request.thread.protocol,
    // A lone surrogate becomes U+FFFD, as in the values of other statements. PostgreSQL refuses it in JSON.
    thread_id: request.thread.threadId.toWellFormed(),
    thread_data: JSON.stringify(request.thread.data),
  }),
});

/** A request to pause, resume or cancel. */
export interface StateRequest {
  executionId: string;
  /** Projects of the caller; undefined for all. */
  projectIds: readonly string[] | undefined;
  desired: DesiredState;
  /** Id of the principal. */
  by: string;
  reason: string | null;
}

/** Finds the executions above `$1`. */
const ABOVE = `
  above AS (
    SELECT id, parent_id FROM cloutagent.executions WHERE id = $1
    UNION ALL
    SELECT p.id, p.parent_id FROM above AS a JOIN cloutagent.executions AS p ON p.id = a.parent_id
  )`;
const IS_ABOVE_PAUSED = `EXISTS (
  SELECT FROM above AS a JOIN cloutagent.executions AS p ON p.id = a.parent_id WHERE p.desired_state = 'pause')`;

/**
 * Returns the row after the change, or the present one if nothing has to change. An execution below a paused one is not
 * resumed. A parked execution is queued, so that an owner records the change.
 */
const REQUEST_STATE = `
  WITH RECURSIVE ${ABOVE}, changed AS (
    UPDATE cloutagent.executions SET desired_state = $3, desired_state_by = $4, desired_state_reason = $5,
      desired_state_at = now(),
      runnable_at = CASE WHEN owner IS NULL AND parked AND $3 <> 'cancel' THEN now() ELSE runnable_at END
    WHERE id = $1 AND ($2::text[] IS NULL OR project_id = ANY ($2))
      AND ${isOpen()} AND desired_state NOT IN ('cancel', $3)
      AND ($3 <> 'run' OR parent_id IS NULL OR NOT ${IS_ABOVE_PAUSED})
    RETURNING *
  )
  SELECT * FROM changed
  UNION ALL
  SELECT * FROM cloutagent.executions
  WHERE id = $1 AND ($2::text[] IS NULL OR project_id = ANY ($2)) AND NOT EXISTS (SELECT FROM changed)`;

const PAUSE_BELOW_PAUSED = `
  WITH RECURSIVE ${ABOVE}
  UPDATE cloutagent.executions SET desired_state = 'pause', desired_state_at = now()
  WHERE id = $1 AND ${isOpen()} AND desired_state = 'run' AND ${IS_ABOVE_PAUSED}`;

const HEADS = `
  SELECT id, project_id AS "projectId", root_id AS "rootId", status,
    ${lastSequenceOf('e.id')} AS "lastSequence"
  FROM cloutagent.executions AS e WHERE id = ANY ($1::uuid[])`;

// Columns by name: with *, the statement would fail in a process that runs while a later release adds a column.
const READ = `
  SELECT ${SMALL_COLUMNS}, input, workflow, options, output, kept FROM cloutagent.executions WHERE id = ANY ($1::uuid[])`;

const ENDED = `SELECT id FROM cloutagent.executions WHERE id = ANY ($1::uuid[]) AND completed_at IS NOT NULL`;

/** The statements on executions and their approvals that requests of clients need. */
@Injectable()
export class ExecutionsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Inserts a re-run and queues it. The execution that it repeats cannot be deleted until then.
   * @throws NotFoundError if the execution that it repeats was deleted
   * @throws the database's unique violation (23505) if the idempotency key is taken
   */
  async insertRerun(row: NewRow, { rerunOf, kept }: Repeated): Promise<ExecutionRow> {
    return this.database.transaction(async (client) => {
      const { rowCount } = await client.query(LOCK_REPEATED, [rerunOf]);
      if (rowCount === 0) throw new NotFoundError();
      const { rows } = await client.query<ExecutionRow>({
        name: 'rerun-insert',
        text: INSERT_RERUN,
        values: [
          row.id,
          row.project_id,
          row.input,
          row.workflow,
          row.options,
          row.tags,
          row.created_by,
          row.idempotency_key,
          row.request_hash,
          rerunOf,
          JSON.stringify(kept),
          row.workflow_name,
          row.workflow_version,
        ],
      });
      return rows[0]!;
    });
  }

  /** Returns the ids of the versions of secrets that an execution has used. */
  async secretVersions(executionId: string): Promise<readonly string[]> {
    const { rows } = await this.database.pool.query<{ versions: string[] }>({
      name: 'execution-secrets-read',
      text: 'SELECT secret_versions AS versions FROM cloutagent.executions WHERE id = $1',
      values: [executionId],
    });
    return rows[0]?.versions ?? [];
  }

  /**
   * Inserts many executions with one statement, claims those that may run now, and queues the others.
   * @param claim how many it may claim, and for which process
   * @returns a row for each, in the same order; undefined if the idempotency key is taken
   */
  async insertAll(
    executions: readonly NewRow[],
    { lock, owner, maxPerProject, limit }: InsertClaim,
  ): Promise<(ExecutionRow | undefined)[]> {
    // JSON inside JSON, as texts: PostgreSQL would refuse a JSON with U+0000 as soon as it reads the list.
    const given = JSON.stringify(executions.map((row, position) => ({ ...row, position })));
    const { rows } = await this.database.pool.query<SmallRow>({
      name: 'executions-insert',
      text: INSERT_ALL,
      values: [given, lock, owner, maxPerProject, limit],
    });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return executions.map(({ id, input, workflow, options }) => {
      const row = byId.get(id);
      return (
        row && {
          ...row,
          input: JSON.parse(input) as Json,
          workflow: JSON.parse(workflow) as Workflow,
          options: JSON.parse(options) as ExecutionOptions,
          output: null,
          kept: null,
        }
      );
    });
  }

  async find(executionId: string): Promise<ExecutionRow | undefined> {
    return (await this.findAll([executionId]))[0];
  }

  /** Reads the rows of executions. Ids that do not exist are left out. */
  async findAll(executionIds: readonly string[]): Promise<ExecutionRow[]> {
    const { rows } = await this.database.pool.query<ExecutionRow>({
      name: 'executions-read',
      text: READ,
      values: [executionIds],
    });
    return rows;
  }

  async findByIdempotencyKey(
    projectId: string,
    createdBy: string,
    key: string,
  ): Promise<ExecutionRow | undefined> {
    return this.database.kysely
      .selectFrom('executions')
      .selectAll()
      .where('project_id', '=', projectId)
      .where('created_by', '=', createdBy)
      .where('idempotency_key', '=', key)
      .executeTakeFirst();
  }

  /** Reads the heads of the executions. Ids that do not exist are left out. */
  async findHeads(executionIds: readonly string[]): Promise<ExecutionHead[]> {
    const { rows } = await this.database.pool.query<ExecutionHead>({
      name: 'execution-heads',
      text: HEADS,
      values: [executionIds],
    });
    return rows;
  }

  /** Returns those of the executions that have ended. */
  async findEnded(executionIds: readonly string[]): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ id: string }>({
      name: 'ended-executions',
      text: ENDED,
      values: [executionIds],
    });
    return rows.map(({ id }) => id);
  }

  /**
   * Stores the desired state of an open execution. An execution that has ended, or whose desired state is `cancel`, does not
   * change.
   * @returns the row after that; undefined if none of the projects has this execution
   */
  async requestState(request: StateRequest): Promise<ExecutionRow | undefined> {
    const row = await this.tryToRequestState(request);
    if (!row || row.completed_at || ['cancel', request.desired].includes(row.desired_state)) return row;
    // The UPDATE waited for another change of the row and then did not apply. Only a new statement sees that change.
    return this.tryToRequestState(request);
  }

  /**
   * Pauses an execution again that was resumed while one above it was being paused.
   * @returns whether it was
   */
  async pauseBelowPaused(executionId: string): Promise<boolean> {
    return (await this.database.pool.query(PAUSE_BELOW_PAUSED, [executionId])).rowCount === 1;
  }

  private async tryToRequestState(request: StateRequest): Promise<ExecutionRow | undefined> {
    const { executionId, projectIds, desired, by, reason } = request;
    const values = [executionId, projectIds ?? null, desired, by, reason];
    return (await this.database.pool.query<ExecutionRow>(REQUEST_STATE, values)).rows[0];
  }
}
