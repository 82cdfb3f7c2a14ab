import { Injectable } from '@nestjs/common';
import type { Operation } from '@cloutagent/contract';
import { Database } from '../database/database.js';
import { ProcessIdentity } from '../database/process-identity.js';
import type { OperationRow } from './operations.repository.js';

/** Failures that an operation shows. */
const MAX_FAILURES = 100;

/** The result of one execution's action; `failure` is undefined for a success. */
export interface ItemOutcome {
  executionId: string;
  failure: Omit<Operation['failures'][number], 'executionId'> | undefined;
}

// The operation that has waited longest comes first, so that operations take turns. A process that has died has no row.
const CLAIM = `
  UPDATE cloutagent.operations SET claimed_by = $1, worked_at = clock_timestamp() WHERE id = (
    SELECT o.id FROM cloutagent.operations AS o
    WHERE o.completed_at IS NULL AND (o.claimed_by IS NULL OR o.claimed_by = $1
      OR NOT EXISTS (SELECT FROM cloutagent.processes AS p WHERE p.identity = o.claimed_by))
    ORDER BY o.worked_at LIMIT 1 FOR UPDATE SKIP LOCKED
  ) RETURNING *`;

const ITEMS = `
  SELECT execution_id AS id FROM cloutagent.operation_items WHERE operation_id = $1 ORDER BY execution_id LIMIT $2`;

const LOCK = `
  SELECT failures FROM cloutagent.operations WHERE id = $1 AND claimed_by = $2 AND completed_at IS NULL FOR UPDATE`;

const REMOVE_ITEMS = `
  DELETE FROM cloutagent.operation_items WHERE operation_id = $1 AND execution_id = ANY ($2::uuid[])
  RETURNING execution_id AS id`;

const RECORD = `
  UPDATE cloutagent.operations AS o SET succeeded = succeeded + $2, failed = failed + $3, failures = $4, claimed_by = NULL,
    worked_at = clock_timestamp(),
    completed_at = CASE WHEN NOT EXISTS (SELECT FROM cloutagent.operation_items AS i WHERE i.operation_id = o.id)
      THEN now() END
  WHERE o.id = $1`;

/**
 * The statements that divide the work of operations among the processes. A process claims an operation, acts on a batch of its
 * executions, and records the results and gives the claim back in one commit. If it dies in between, another process acts on
 * the batch again, which is harmless: to cancel twice is to cancel, and a re-run has an Idempotency-Key.
 */
@Injectable()
export class OperationQueue {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
  ) {}

  /** Claims the operation that has waited longest, if no living process works on it. */
  async claim(): Promise<OperationRow | undefined> {
    return (await this.database.pool.query<OperationRow>(CLAIM, [this.identity.value])).rows[0];
  }

  /** Returns the next executions of an operation, oldest first. */
  async next(operationId: string, limit: number): Promise<string[]> {
    const { rows } = await this.database.pool.query<{ id: string }>(ITEMS, [operationId, limit]);
    return rows.map(({ id }) => id);
  }

  /** Records results and gives the claim back. Does nothing if another process has taken over. */
  async record(operationId: string, outcomes: readonly ItemOutcome[]): Promise<void> {
    await this.database.transaction(async (client) => {
      const { rows } = await client.query<Pick<OperationRow, 'failures'>>(LOCK, [
        operationId,
        this.identity.value,
      ]);
      const [operation] = rows;
      if (!operation) return;
      const ids = outcomes.map(({ executionId }) => executionId);
      const removed = await client.query<{ id: string }>(REMOVE_ITEMS, [operationId, ids]);
      const counted = new Set(removed.rows.map(({ id }) => id));
      const own = outcomes.filter(({ executionId }) => counted.has(executionId));
      const failed = own.flatMap(({ executionId, failure }) =>
        failure ? [{ executionId, ...failure }] : [],
      );
      const failures = [...operation.failures, ...failed].slice(0, MAX_FAILURES);
      await client.query(RECORD, [
        operationId,
        own.length - failed.length,
        failed.length,
        JSON.stringify(failures),
      ]);
    });
  }
}
