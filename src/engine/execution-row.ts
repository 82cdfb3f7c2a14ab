import { type Execution, type ExecutionState, isTerminal } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import type { ExecutionsTable } from '../database/schema.js';

/** A row of the table `executions`. */
export type ExecutionRow = Selectable<ExecutionsTable>;

/** The columns that the API shows. */
export type ShownRow = RelationsRow &
  Pick<
    ExecutionRow,
    | 'id'
    | 'project_id'
    | 'status'
    | 'input'
    | 'output'
    | 'error'
    | 'created_at'
    | 'started_at'
    | 'completed_at'
    | 'tags'
  >;

/** The columns of what an execution refers to, and of when it may begin. */
type RelationsRow = Pick<
  ExecutionRow,
  | 'parent_id'
  | 'parent_node_id'
  | 'parent_index'
  | 'root_id'
  | 'rerun_of'
  | 'workflow_name'
  | 'workflow_version'
  | 'start_at'
>;

/** Makes the Execution of the API from its row and from the state that its events give. */
export function toExecution(row: ShownRow, state: ExecutionState): Execution {
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
    ...(state.waits.length > 0 && !isTerminal(row.status) && { waits: state.waits }),
    ...relationsOf(row),
  };
}

/** What executions and their summaries show in the same way: what a row refers to, and when it may begin. */
export const relationsOf = (
  row: RelationsRow,
): Pick<Execution, 'parent' | 'rootId' | 'rerunOf' | 'workflow' | 'startAt'> => ({
  ...(row.parent_id !== null && {
    parent: { executionId: row.parent_id, nodeId: row.parent_node_id!, index: row.parent_index! },
  }),
  ...(row.root_id !== null && { rootId: row.root_id }),
  ...(row.rerun_of !== null && { rerunOf: row.rerun_of }),
  ...(row.workflow_name !== null && {
    workflow: { name: row.workflow_name, version: row.workflow_version! },
  }),
  ...(row.start_at && { startAt: row.start_at.toISOString() }),
});
