import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import { Database } from '../../database/database.js';
import type { ApprovalsTable, ExecutionsTable } from '../../database/schema.js';

/** The desired state of an execution, and who requested it. */
export type DesiredState = Pick<
  Selectable<ExecutionsTable>,
  'id' | 'desired_state' | 'desired_state_by' | 'desired_state_reason'
>;

/** The control requests of some executions, as stored in the database. */
export interface StoredRequests {
  desiredStates: DesiredState[];
  approvals: Selectable<ApprovalsTable>[];
}

/** Reads pauses, resumes, cancels and decisions on approvals. */
@Injectable()
export class ControlRequests {
  constructor(private readonly database: Database) {}

  /** Reads the requests of these executions, with two queries for any number of executions. */
  async read(executionIds: readonly string[]): Promise<StoredRequests> {
    const approvals = await this.database.kysely
      .selectFrom('approvals')
      .selectAll()
      .where('execution_id', 'in', executionIds)
      .execute();
    const desiredStates = await this.database.kysely
      .selectFrom('executions')
      .select(['id', 'desired_state', 'desired_state_by', 'desired_state_reason'])
      .where('id', 'in', executionIds)
      .execute();
    return { desiredStates, approvals };
  }
}
