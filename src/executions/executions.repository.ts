import { Injectable } from '@nestjs/common';
import type { ExecutionStatus, StartExecution, Workflow, WorkflowVersionRef } from '@cloutagent/contract';
import { v7 as uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import type { DesiredState, KeptWork } from '../database/schema.js';
import type { ExecutionRow } from '../engine/execution-row.js';
import { NotFoundError } from '../problems/problem.error.js';

const INSERT = `
  INSERT INTO cloutagent.executions
    (id, project_id, input, workflow, options, tags, created_by, idempotency_key, request_hash, rerun_of, kept,
     workflow_name, workflow_version, start_at, runnable_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, greatest(now(), $14)) RETURNING *`;

// A deletion waits for this lock, so its answer names the re-run. Its events were all there when they were copied.
const LOCK_REPEATED = 'SELECT FROM cloutagent.executions WHERE id = $1 FOR KEY SHARE';

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
      AND completed_at IS NULL AND desired_state NOT IN ('cancel', $3)
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
  WHERE id = $1 AND completed_at IS NULL AND desired_state = 'run' AND ${IS_ABOVE_PAUSED}`;

const HEADS = `
  SELECT id, project_id AS "projectId", root_id AS "rootId", status,
    coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id), 0) AS "lastSequence"
  FROM cloutagent.executions AS e WHERE id = ANY ($1::uuid[])`;

/** The statements on executions and their approvals that requests of clients need. */
@Injectable()
export class ExecutionsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Inserts an execution and queues it immediately. The execution that it repeats cannot be deleted until then.
   * @throws NotFoundError if the execution that it repeats was deleted
   * @throws the database's unique violation (23505) if the idempotency key is taken
   */
  async insert(
    request: NewExecution,
    { createdBy, idempotencyKey, requestHash }: Origin,
    repeated?: Repeated,
  ): Promise<ExecutionRow> {
    const query = {
      name: 'execution-insert',
      text: INSERT,
      values: [
        uuidv7(),
        request.projectId,
        JSON.stringify(request.input),
        JSON.stringify(request.workflow),
        JSON.stringify(request.options ?? {}),
        request.tags,
        createdBy,
        idempotencyKey ?? null,
        requestHash,
        repeated?.rerunOf ?? null,
        repeated ? JSON.stringify(repeated.kept) : null,
        request.savedAs?.name ?? null,
        request.savedAs?.version ?? null,
        request.startAt ?? null,
      ],
    };
    if (!repeated) return (await this.database.pool.query<ExecutionRow>(query)).rows[0]!;
    return this.database.transaction(async (client) => {
      const { rowCount } = await client.query(LOCK_REPEATED, [repeated.rerunOf]);
      if (rowCount === 0) throw new NotFoundError();
      return (await client.query<ExecutionRow>(query)).rows[0]!;
    });
  }

  async find(executionId: string): Promise<ExecutionRow | undefined> {
    return this.database.kysely
      .selectFrom('executions')
      .selectAll()
      .where('id', '=', executionId)
      .executeTakeFirst();
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
