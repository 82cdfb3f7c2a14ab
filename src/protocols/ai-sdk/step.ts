import type { ExecutionEventOf } from '@cloutagent/contract';
import { answerText } from '../answer-nodes.js';
import { addChunk, closeTexts, dropParts, openTools, setResult } from './message-parts.js';
import { dropText, seal, sendNode, setOutput, validThrough } from './node-state.js';
import type { Send } from './ui-chunk.js';
import type { NodeState, ToolPart, ToolResult, UiState } from './ui-state.js';

type StepEvent = ExecutionEventOf<'execution:step'>;

/** Applies an `execution:step` event, except for the status of the execution. */
export function applyStep(state: UiState, node: NodeState, event: StepEvent, send: Send): void {
  const { nodeId, sequence } = event;
  const wasRunning = node.status === 'running' || node.status === 'waiting';
  const through = validThrough(node, event);
  if (through !== Infinity) {
    dropText(node, through);
    dropParts(state, nodeId, through, send);
  }
  // Journals of earlier versions have `skipped` for a step that was cut off.
  node.status = event.status === 'skipped' && wasRunning ? 'cancelled' : event.status;
  node.attempt = event.attempt;
  node.finishReason = event.finishReason;
  node.error =
    event.error === undefined
      ? undefined
      : { message: event.error, ...(event.code !== undefined && { code: event.code }) };
  if (node.status !== 'running') closeTexts(state, nodeId, send);
  const isOver = node.status !== 'running' && node.status !== 'waiting' && node.status !== 'retrying';
  if (isOver) {
    for (const tool of openTools(state, nodeId))
      setResult(state, tool, resultAtEnd(tool, event), decisionAtEnd(tool, event), send);
    if (node.status === 'completed') complete(state, node, event, send);
    seal(node, sequence);
  }
  sendNode(state, nodeId, send);
}

function complete(
  state: UiState,
  node: NodeState,
  { nodeId, sequence, output }: StepEvent,
  send: Send,
): void {
  setOutput(node, output);
  if (!node.isAnswer || node.hasText) return;
  if (state.parts.some((part) => part.kind === 'text' && part.nodeId === nodeId)) return;
  addChunk(state, 'text', { nodeId, sequence, chunk: answerText(output) }, send);
  closeTexts(state, nodeId, send);
}

function resultAtEnd(tool: ToolPart, event: StepEvent): ToolResult {
  const { status, output, code, error } = event;
  if (tool.toolId === undefined) {
    if (isRejected(event)) return { kind: 'denied' };
    if (status === 'completed' && output !== undefined) return { kind: 'output', output };
  }
  const text = error === undefined ? 'The call has no result, because its node has ended.' : error;
  return { kind: 'error', text: code === undefined ? text : `${text} (${code})` };
}

function decisionAtEnd(tool: ToolPart, event: StepEvent): ToolPart['decision'] {
  if (tool.toolId !== undefined) return undefined;
  if (isRejected(event)) {
    const comment = memberOf(event.output, 'comment') ?? event.error;
    return { approved: false, ...(typeof comment === 'string' && { reason: comment }) };
  }
  return event.status === 'completed' ? { approved: true } : undefined;
}

/** Whether a node ends because a person did not approve. */
const isRejected = ({ status, output, code }: StepEvent): boolean =>
  code === 'approval_rejected' || (status === 'completed' && memberOf(output, 'approved') === false);

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
