import { Injectable } from '@nestjs/common';
import type { Operation, OperationFilter, StartOperation } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import type { Principal } from '../auth/principal.js';
import { v7 as uuidv7 } from '../common/uuid.js';
import { Database } from '../database/database.js';
import type { OperationsTable } from '../database/schema.js';

export type OperationRow = Selectable<OperationsTable>;

/** An operation that a request starts. */
export interface NewOperation {
  request: StartOperation;
  principal: Principal;
  idempotencyKey: string | undefined;
  /** SHA-256 of the request. */
  requestHash: Buffer;
  maxExecutions: number;
}

/** The filter selects more executions than an operation may have. */
export class TooManyExecutionsError extends Error {
  override readonly name = 'TooManyExecutionsError';
}

const INSERT = `
  INSERT INTO cloutagent.operations
    (id, project_id, action, filter, reason, principal, created_by, idempotency_key, request_hash)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

// One statement sees one snapshot: executions that are created later do not belong to the operation.
const SELECT_ITEMS = `
  INSERT INTO cloutagent.operation_items (operation_id, execution_id)
  SELECT $1, l.execution_id FROM cloutagent.list_entries AS l
  WHERE l.project_id = $2 AND l.is_root AND l.tag = coalesce($4::text, '')
    AND l.status = ANY (coalesce(
      $3::text[], '{queued,running,waiting,paused,completed,failed,cancelled}'))
    AND ($5::text IS NULL OR l.workflow_name = $5) AND ($6::bigint IS NULL OR l.workflow_version = $6)
    AND ($7::timestamptz IS NULL OR l.created_at >= $7) AND ($8::timestamptz IS NULL OR l.created_at < $8)
    AND ($9::uuid[] IS NULL OR l.execution_id = ANY ($9))
  LIMIT $10`;

const COUNT_ITEMS = `
  UPDATE cloutagent.operations SET total = $2, completed_at = CASE WHEN $2 = 0 THEN now() END
  WHERE id = $1 RETURNING *`;

/** The operations on many executions. */
@Injectable()
export class OperationsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Inserts an operation together with the executions that its filter selects now.
   * @throws TooManyExecutionsError
   * @throws the database's unique violation (23505) if the idempotency key is taken
   */
  async insert(operation: NewOperation): Promise<OperationRow> {
    const { request, principal, idempotencyKey, requestHash, maxExecutions } = operation;
    const { action, filter, reason } = request;
    const id = uuidv7();
    return this.database.transaction(async (client) => {
      await client.query(INSERT, [
        id,
        filter.projectId,
        action,
        JSON.stringify(filter),
        reason ?? null,
        JSON.stringify(principal),
        principal.id,
        idempotencyKey ?? null,
        requestHash,
      ]);
      const { rowCount } = await client.query(SELECT_ITEMS, [id, ...selection(filter), maxExecutions + 1]);
      if (rowCount! > maxExecutions) throw new TooManyExecutionsError();
      return (await client.query<OperationRow>(COUNT_ITEMS, [id, rowCount])).rows[0]!;
    });
  }

  async find(id: string): Promise<OperationRow | undefined> {
    return this.database.kysely.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst();
  }

  async findByIdempotencyKey(
    projectId: string,
    createdBy: string,
    key: string,
  ): Promise<OperationRow | undefined> {
    return this.database.kysely
      .selectFrom('operations')
      .selectAll()
      .where('project_id', '=', projectId)
      .where('created_by', '=', createdBy)
      .where('idempotency_key', '=', key)
      .executeTakeFirst();
  }

  /** Reads a page of operations, newest first. @param projectIds undefined for all projects */
  async list(
    projectIds: readonly string[] | undefined,
    actions: readonly Operation['action'][],
    before: string | undefined,
    limit: number,
  ): Promise<OperationRow[]> {
    let page = this.database.kysely
      .selectFrom('operations')
      .selectAll()
      .where('action', 'in', actions)
      .orderBy('id', 'desc')
      .limit(limit);
    // `IN ()` is not valid SQL; no project has an empty id.
    if (projectIds) page = page.where('project_id', 'in', projectIds.length > 0 ? projectIds : ['']);
    if (before !== undefined) page = page.where('id', '<', before);
    return page.execute();
  }
}

function selection(filter: OperationFilter): unknown[] {
  const [name = null, version = null] = filter.workflow?.split('@') ?? [];
  return [
    filter.projectId,
    filter.status ?? null,
    filter.tag ?? null,
    name,
    version,
    filter.createdAfter === undefined ? null : new Date(filter.createdAfter),
    filter.createdBefore === undefined ? null : new Date(filter.createdBefore),
    filter.executionIds ?? null,
  ];
}
