import { Injectable } from '@nestjs/common';
import {
  applyEvent,
  type Execution,
  initialState,
  outlineOf,
  type WorkflowOutline,
} from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { type ExecutionRow, toExecution } from '../../engine/execution-row.js';
import { parseEvent } from '../../events/event-bus.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { checkId } from '../execution-id.js';
import { ExecutionsRepository } from '../executions.repository.js';

/** Executions of which one query reads the rows or the states, so that no result is very large. */
const EXECUTIONS_PER_READ = 20;

/** Reads single executions. Simultaneous calls share queries. */
@Injectable()
export class ExecutionReader {
  private readonly rowOf = new BatchedLookup((ids) => this.readRows(ids), EXECUTIONS_PER_READ);
  private readonly stateOf = new BatchedLookup((ids) => this.journal.readStates(ids), EXECUTIONS_PER_READ);

  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly journal: JournalReader,
  ) {}

  /**
   * Finds the row of an execution.
   * @throws NotFoundError if it does not exist or is not the principal's
   */
  async find(executionId: string, principal: Principal): Promise<ExecutionRow> {
    const row = await this.rowOf.find(checkId(executionId));
    if (!row || !ownsProject(principal, row.project_id)) throw new NotFoundError();
    return row;
  }

  /**
   * Reads an execution with its steps, usage and cost.
   * @throws NotFoundError if it does not exist or is not the principal's
   */
  async get(executionId: string, principal: Principal): Promise<Execution> {
    return this.show(await this.find(executionId, principal));
  }

  /**
   * Reads the graph that an execution runs.
   * @throws NotFoundError if the execution does not exist or is not the principal's
   */
  async outline(executionId: string, principal: Principal): Promise<WorkflowOutline> {
    return outlineOf((await this.find(executionId, principal)).workflow);
  }

  /**
   * Combines a row with the state that the execution's events make up.
   * @throws NotFoundError if the execution was deleted after its row was read
   */
  async show(row: ExecutionRow): Promise<Execution> {
    const { events, lastSequence } = (await this.stateOf.find(row.id))!;
    // An execution that has ended has at least the event of its end.
    if (row.completed_at && lastSequence === 0) throw new NotFoundError();
    const state = initialState();
    for (const event of events) applyEvent(state, parseEvent(event));
    state.lastSequence = lastSequence;
    return toExecution(row, state);
  }

  private async readRows(ids: readonly string[]): Promise<Map<string, ExecutionRow>> {
    return new Map((await this.repository.findAll(ids)).map((row) => [row.id, row]));
  }
}
