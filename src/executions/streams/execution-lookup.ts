import { Injectable } from '@nestjs/common';
import type { ExecutionStatus } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { Database } from '../../database/database.js';
import { NotFoundError } from '../../problems/problem.error.js';

/** What must be known of an execution before its stream opens. */
export interface WatchableExecution {
  readonly id: string;
  readonly status: ExecutionStatus;
  readonly lastSequence: number;
}

interface Row {
  id: string;
  project_id: string;
  status: ExecutionStatus;
  last: number | null;
}

const LOOKUP = `
  SELECT id, project_id, status, (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id) AS last
  FROM cloutagent.executions AS e WHERE id = ANY ($1::uuid[])`;

/** Looks executions up for streams: thousands connect at once after a restart, and cost a handful of queries. */
@Injectable()
export class ExecutionLookup {
  private readonly rows = new BatchedLookup((ids) => this.read(ids));

  constructor(private readonly database: Database) {}

  /** @throws NotFoundError also when it is not the principal's */
  async find(executionId: string, principal: Principal): Promise<WatchableExecution> {
    const row = await this.rows.find(executionId);
    if (!row || !ownsProject(principal, row.project_id)) throw new NotFoundError();
    return { id: row.id, status: row.status, lastSequence: row.last ?? 0 };
  }

  private async read(ids: readonly string[]): Promise<Map<string, Row>> {
    const { rows } = await this.database.pool.query<Row>({
      name: 'stream-lookup',
      text: LOOKUP,
      values: [ids],
    });
    return new Map(rows.map((row) => [row.id, row]));
  }
}
