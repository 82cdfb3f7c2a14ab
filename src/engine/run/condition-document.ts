import type { ExecutionFailure, Json, WorkflowGraph } from '@cloutagent/contract';
import type { ExecutionRow } from '../execution-row.js';

interface DocumentScope {
  readonly row: ExecutionRow;
  readonly graph: WorkflowGraph;
  readonly outputs: ReadonlyMap<string, Json>;
  readonly errors: ReadonlyMap<string, Pick<ExecutionFailure, 'message' | 'code'>>;
}

/**
 * Makes the data of conditions: the input, and the node and all nodes that come before it, as far as they are done. Outputs
 * may be large, so they are left out if no condition mentions `nodes`.
 */
export function conditionDocument(
  { row, graph, outputs, errors }: DocumentScope,
  nodeId: string,
  conditions: readonly string[],
): { [name: string]: Json } {
  const before = new Set(conditions.some((text) => text.includes('nodes')) ? [nodeId] : []);
  for (const id of before) for (const parent of graph.parentsOf(id)) before.add(parent);
  const nodes = [...before].flatMap((id): [string, Json][] => {
    const failure = errors.get(id);
    if (failure) return [[id, { error: { message: failure.message, code: failure.code } }]];
    return outputs.has(id) ? [[id, { output: outputs.get(id)! }]] : [];
  });
  return {
    input: row.input,
    nodes: Object.fromEntries(nodes),
    execution: { id: row.id, projectId: row.project_id },
  };
}
