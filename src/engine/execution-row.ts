import type { Execution, ExecutionState } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import type { ExecutionsTable } from '../database/schema.js';

/** A row of the table `executions`. */
export type ExecutionRow = Selectable<ExecutionsTable>;

/** Makes the Execution of the API from its row and from the state that its events give. */
export function toExecution(row: ExecutionRow, state: ExecutionState): Execution {
  const { started_at: startedAt, completed_at: completedAt } = row;
  return {
    id: row.id,
    projectId: row.project_id,
    status: row.status,
    input: row.input,
    ...(row.status === 'completed' && { output: row.output }),
    ...(row.error !== null && { error: row.error }),
    steps: state.steps,
    tokenUsage: state.tokenUsage,
    costUSD: state.costUSD,
    createdAt: row.created_at.toISOString(),
    ...(startedAt && { startedAt: startedAt.toISOString() }),
    ...(completedAt && { completedAt: completedAt.toISOString() }),
    ...(startedAt && completedAt && { duration: completedAt.getTime() - startedAt.getTime() }),
    lastSequence: state.lastSequence,
    tags: row.tags,
    ...(row.rerun_of !== null && { rerunOf: row.rerun_of }),
  };
}
