import { type WaitKind, type Workflow, WorkflowGraph } from '@cloutagent/contract';
import { GraphProgress } from '../../engine/run/graph-progress.js';
import { type AgUiState, ownOf } from './ag-ui-state.js';

/** The kinds of waits that a client can end. Timers and children end by themselves. */
export const INTERRUPT_KINDS: readonly WaitKind[] = ['approval', 'signal', 'tool', 'failure'];

/**
 * Returns whether the execution continues without an answer, although its status is `waiting`. Between two events of one
 * commit, such as the end of a node and the beginning of the next one, no step runs. A run that ended there would end too
 * early.
 */
export function hasPendingWork(state: AgUiState): boolean {
  if (state.resuming.length > 0) return true;
  const { nodes, progress: recorded } = state.shared;
  const graph = new WorkflowGraph(state.graph as unknown as Workflow);
  const progress = new GraphProgress(graph);
  for (const [nodeId, status] of Object.entries(nodes)) {
    if (status === 'skipped') progress.finish(nodeId, 'skipped');
    if (status !== 'completed' && status !== 'failed') continue;
    const taken = ownOf(state.branches, nodeId);
    // The decision on the edges of the node follows.
    if (!taken && progress.plan(nodeId, status).isRecorded) return true;
    progress.finish(nodeId, status, taken);
  }
  if (recorded.completedSteps < progress.doneCount) return true;
  for (const id of graph.nodes.keys())
    if (progress.outcomeOf(id) === 'skipped' && ownOf(nodes, id) !== 'skipped') return true;
  const standing = new Set(state.waits.map(({ nodeId }) => nodeId));
  return progress.readyNodes().some((id) => !standing.has(id));
}

/**
 * Returns whether more waits of a step follow. An agent that waits for persons begins one wait for each of its calls without
 * a result, in one commit.
 */
export function hasMoreToolWaits({ waits, calls }: AgUiState, nodeId: string): boolean {
  const open = waits.filter((wait) => wait.nodeId === nodeId && wait.kind === 'tool').length;
  return open < calls.filter((call) => call.nodeId === nodeId).length;
}
