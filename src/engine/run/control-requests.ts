import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import { Database } from '../../database/database.js';
import type { WaitsTable, ExecutionsTable } from '../../database/schema.js';

/** The desired state of an execution, and who requested it. */
export type DesiredState = Pick<
  Selectable<ExecutionsTable>,
  'id' | 'desired_state' | 'desired_state_by' | 'desired_state_reason' | 'wakes'
>;

/** The control requests of some executions, as stored in the database. */
export interface StoredRequests {
  desiredStates: DesiredState[];
  /** Waits that have ended, and whose end the journal does not have yet. */
  endedWaits: Selectable<WaitsTable>[];
}

/** Reads pauses, resumes, cancels and the ends of waits. */
@Injectable()
export class ControlRequests {
  constructor(private readonly database: Database) {}

  /** Reads all waits of these executions, in the order in which they began, by execution. */
  async readWaits(executionIds: readonly string[]): Promise<Map<string, Selectable<WaitsTable>[]>> {
    const { rows } = await this.database.pool.query<Selectable<WaitsTable>>({
      name: 'waits-of-executions',
      text: 'SELECT * FROM cloutagent.waits WHERE execution_id = ANY ($1::uuid[]) ORDER BY id',
      values: [executionIds],
    });
    return Map.groupBy(rows, (wait) => wait.execution_id);
  }

  /**
   * Reads the requests of these executions, with two queries for any number of executions. `wakes` is read first, so that it
   * never counts a wait that is not among the ended ones: an owner that parks would leave that wait unseen.
   */
  async read(executionIds: readonly string[]): Promise<StoredRequests> {
    const desiredStates = await this.database.kysely
      .selectFrom('executions')
      .select(['id', 'desired_state', 'desired_state_by', 'desired_state_reason', 'wakes'])
      .where('id', 'in', executionIds)
      .execute();
    const endedWaits = await this.readEndedWaits(executionIds);
    return { desiredStates, endedWaits };
  }

  /** Reads the waits of these executions that have ended, and whose end the journal does not have yet, in their order. */
  readEndedWaits(executionIds: readonly string[]): Promise<Selectable<WaitsTable>[]> {
    return this.database.kysely
      .selectFrom('waits')
      .selectAll()
      .where('execution_id', 'in', executionIds)
      .where('recorded', '=', false)
      .where('outcome', 'is not', null)
      .orderBy('settled_at')
      .execute();
  }
}
