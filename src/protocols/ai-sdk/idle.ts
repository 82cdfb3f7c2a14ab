import type { ExecutionEvent } from '@cloutagent/contract';
import { ask, askedTool, openTools, setResult } from './message-parts.js';
import type { Send } from './ui-chunk.js';
import type { NodeState, OpenWait, UiState } from './ui-state.js';

/** The kinds of waits that a client of the AI SDK can answer. */
const isForClient = ({ kind }: OpenWait): boolean => kind === 'approval' || kind === 'tool';

/** Event types after which an execution may stand still. A step with its next status follows each end of a wait. */
const LAST_EVENTS: readonly string[] = [
  'execution:step',
  'execution:waiting',
  'execution:started',
  'execution:resumed',
];

/**
 * Whether the client has to act now, and does not know it yet. While a step is about to begin, the status of the execution is
 * `waiting` for a moment.
 */
export function isWaitingForClient(state: UiState, { type }: ExecutionEvent): boolean {
  return (
    state.status === 'waiting' &&
    !state.isIdle &&
    LAST_EVENTS.includes(type) &&
    state.waits.some(isForClient) &&
    !Object.entries(state.nodes).some(([nodeId, node]) => isAboutToRun(state, nodeId, node))
  );
}

const ENDED: readonly string[] = ['completed', 'failed', 'cancelled', 'skipped'];

function isAboutToRun({ nodes, waits }: UiState, nodeId: string, { status, sources }: NodeState): boolean {
  // A retry with a long delay is a wait of its node.
  if (status === 'retrying') return !waits.some((wait) => wait.nodeId === nodeId);
  // All its edges are decided, so it runs or is skipped.
  return status === 'pending' && sources.every((source) => ENDED.includes(nodes[source]!.status));
}

/** Asks the client for the answers that the execution waits for. */
export function applyIdle(state: UiState, sequence: number, send: Send): void {
  const waits = state.waits.filter(isForClient);
  // An approval that has been answered, of a node that then waits again: its answer is in no event.
  for (const tool of openTools(state))
    if (tool.toolId === undefined && !waits.some(({ waitId }) => waitId === tool.approval?.id))
      setResult(state, tool, { kind: 'output', output: { outcome: 'answered' } }, undefined, send);
  for (const wait of waits) if (!askedTool(state, wait.waitId)) ask(state, wait, sequence, send);
  send({
    type: 'finish',
    finishReason: 'tool-calls',
    messageMetadata: { status: 'waiting', sequence },
  });
  state.isIdle = true;
}
