import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import { Database } from '../../database/database.js';
import type { ApprovalsTable, ExecutionsTable } from '../../database/schema.js';

/** What was requested of some executions, as the database has it. */
export interface Requests {
  requests: Pick<
    Selectable<ExecutionsTable>,
    'id' | 'desired_state' | 'desired_state_by' | 'desired_state_reason'
  >[];
  approvals: Selectable<ApprovalsTable>[];
}

/** Reads pauses, resumes, cancels and answers to approvals. */
@Injectable()
export class ControlRequests {
  constructor(private readonly database: Database) {}

  /** Reads what was requested of these executions; two queries for any number of them. */
  async read(executionIds: readonly string[]): Promise<Requests> {
    const approvals = await this.database.kysely
      .selectFrom('approvals')
      .selectAll()
      .where('execution_id', 'in', executionIds)
      .execute();
    const requests = await this.database.kysely
      .selectFrom('executions')
      .select(['id', 'desired_state', 'desired_state_by', 'desired_state_reason'])
      .where('id', 'in', executionIds)
      .execute();
    return { requests, approvals };
  }
}
