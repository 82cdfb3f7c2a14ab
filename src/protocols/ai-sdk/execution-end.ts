import type { ExecutionEventOf, ExecutionStatus } from '@cloutagent/contract';
import { closeTexts, openTools, setResult } from './message-parts.js';
import type { MessageMetadata } from './message-metadata.js';
import { sendNode } from './node-state.js';
import type { Send } from './ui-chunk.js';
import type { UiState } from './ui-state.js';

type End = ExecutionEventOf<'execution:completed' | 'execution:failed' | 'execution:cancelled'>;

/** Applies the event that ends an execution. Older journals do not end its steps before. */
export function applyEnd(state: UiState, event: End, send: Send): void {
  state.status = event.type.slice('execution:'.length) as ExecutionStatus;
  state.waits = [];
  closeTexts(state, undefined, send);
  for (const tool of openTools(state))
    setResult(
      state,
      tool,
      { kind: 'error', text: 'The call has no result, because the execution has ended.' },
      undefined,
      send,
    );
  for (const [nodeId, node] of Object.entries(state.nodes)) {
    if (node.status !== 'running' && node.status !== 'waiting' && node.status !== 'retrying') continue;
    node.status = 'cancelled';
    sendNode(state, nodeId, send);
  }
  if (state.hasStep) send({ type: 'finish-step' });
  const messageMetadata: MessageMetadata = { status: state.status };
  switch (event.type) {
    case 'execution:completed': {
      const { tokenUsage, costUSD } = event.result;
      const { input, output, total } = tokenUsage;
      send({
        type: 'finish',
        finishReason: finishReasonOf(state),
        messageMetadata: {
          ...messageMetadata,
          usage: { inputTokens: input, outputTokens: output, totalTokens: total },
          costUSD,
        },
      });
      break;
    }
    case 'execution:failed': {
      const { error: message, code, nodeId } = event;
      const error = { message, code, ...(nodeId !== undefined && { nodeId }) };
      // `useChat` reads nothing after an error.
      send({ type: 'message-metadata', messageMetadata: { ...messageMetadata, error } });
      send({ type: 'error', errorText: `${message} (${code})` });
      send({ type: 'finish', finishReason: 'error' });
      break;
    }
    default:
      send({
        type: 'message-metadata',
        messageMetadata,
      });
      send({ type: 'abort', ...(event.reason !== undefined && { reason: event.reason }) });
      // With this reason `useChat` sends nothing by itself.
      send({ type: 'finish', finishReason: 'interrupted' });
  }
}

const KNOWN_REASONS: readonly string[] = [
  'stop',
  'length',
  'content-filter',
  'tool-calls',
  'error',
  'interrupted',
  'other',
];

/** Returns why the answer ended: the first reason of an answering node that is not `stop`. */
function finishReasonOf({ nodes }: UiState): string {
  const reasons = Object.values(nodes).flatMap(({ isAnswer, finishReason }) =>
    isAnswer && finishReason !== undefined && KNOWN_REASONS.includes(finishReason) ? [finishReason] : [],
  );
  return reasons.find((reason) => reason !== 'stop') ?? 'stop';
}
