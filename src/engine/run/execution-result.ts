import type { Execution, ExecutionState, Json, WorkflowGraph } from '@cloutagent/contract';
import { type ExecutionRow, toExecution } from '../execution-row.js';

/**
 * The output of a completed execution: that of its only last node, null if that was skipped; or an object of the outputs of
 * those of its last nodes that completed.
 * @param outputs of the completed nodes, by node id
 */
export function executionOutput(graph: WorkflowGraph, outputs: ReadonlyMap<string, Json>): Json {
  const sinks = graph.sinks();
  return sinks.length === 1
    ? (outputs.get(sinks[0]!) ?? null)
    : Object.fromEntries(sinks.flatMap((id) => (outputs.has(id) ? [[id, outputs.get(id)!]] : [])));
}

/** The execution as it will be once its `execution:completed` is recorded as the next event. */
export const completedExecution = (
  row: ExecutionRow,
  state: ExecutionState,
  output: Json,
  completedAt: Date,
): Execution =>
  toExecution(
    { ...row, status: 'completed', output, completed_at: completedAt },
    { ...state, status: 'completed', lastSequence: state.lastSequence + 1 },
  );
