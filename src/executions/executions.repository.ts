import { Injectable } from '@nestjs/common';
import type { ExecutionStatus, StartExecution } from '@cloutagent/contract';
import { v7 as uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import type { DesiredState, KeptWork } from '../database/schema.js';
import type { ExecutionRow } from '../engine/execution-row.js';

const INSERT = `
  INSERT INTO cloutagent.executions
    (id, project_id, input, workflow, options, tags, created_by, idempotency_key, request_hash, rerun_of, kept,
     runnable_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now()) RETURNING *`;

/** The columns of an execution that are needed before its events are sent. */
export interface ExecutionHead {
  readonly id: string;
  readonly projectId: string;
  readonly status: ExecutionStatus;
  readonly lastSequence: number;
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

/** Returns the row after the change, or the present one if nothing has to change. */
const REQUEST_STATE = `
  WITH changed AS (
    UPDATE cloutagent.executions SET desired_state = $3, desired_state_by = $4, desired_state_reason = $5
    WHERE id = $1 AND ($2::text[] IS NULL OR project_id = ANY ($2))
      AND completed_at IS NULL AND desired_state NOT IN ('cancel', $3)
    RETURNING *
  )
  SELECT * FROM changed
  UNION ALL
  SELECT * FROM cloutagent.executions
  WHERE id = $1 AND ($2::text[] IS NULL OR project_id = ANY ($2)) AND NOT EXISTS (SELECT FROM changed)`;

const HEADS = `
  SELECT id, project_id AS "projectId", status,
    coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id), 0) AS "lastSequence"
  FROM cloutagent.executions AS e WHERE id = ANY ($1::uuid[])`;

/** The statements on executions and their approvals that requests of clients need. */
@Injectable()
export class ExecutionsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Inserts an execution and queues it immediately.
   * @throws the database's unique violation (23505) if the idempotency key is taken
   */
  async insert(
    request: StartExecution,
    { createdBy, idempotencyKey, requestHash }: Origin,
    repeated?: Repeated,
  ): Promise<ExecutionRow> {
    const { rows } = await this.database.pool.query<ExecutionRow>({
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
      ],
    });
    return rows[0]!;
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

  private async tryToRequestState(request: StateRequest): Promise<ExecutionRow | undefined> {
    const { executionId, projectIds, desired, by, reason } = request;
    const values = [executionId, projectIds ?? null, desired, by, reason];
    return (await this.database.pool.query<ExecutionRow>(REQUEST_STATE, values)).rows[0];
  }
}
