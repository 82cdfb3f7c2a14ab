import type { ExecutionEventOf } from '@cloutagent/contract';
import { isDenial } from '../../engine/agents/denied-call.js';
import { answerText } from '../answer-nodes.js';
import { askedTool, closeTexts, openCall, setInput, setResult } from './message-parts.js';
import type { Send } from './ui-chunk.js';
import type { ToolResult, UiState } from './ui-state.js';

/** Applies the result of a call. A result without a call in the message is left out. */
export function applyResult(
  state: UiState,
  { nodeId, toolId, result, isError, toolArgs }: ExecutionEventOf<'execution:tool-result'>,
  send: Send,
): void {
  // What was written before the result is kept with it, and what follows may be dropped.
  closeTexts(state, nodeId, send);
  const part = openCall(state, nodeId, toolId);
  if (!part) return;
  if (toolArgs !== undefined) setInput(state, part, toolArgs, send);
  if (!isError) return setResult(state, part, { kind: 'output', output: result }, { approved: true }, send);
  const text = answerText(result);
  if (part.approval && isDenial(text))
    return setResult(state, part, { kind: 'denied' }, { approved: false, reason: text }, send);
  // The time to answer may have ended, so it is not known whether a person has approved.
  setResult(state, part, { kind: 'error', text }, undefined, send);
}

/** Ends a call that stands for a wait whose answer no later event shows. */
export function applyWaitEnded(
  state: UiState,
  { waitId, kind, outcome }: ExecutionEventOf<'execution:wait-ended'>,
  send: Send,
): void {
  const part = askedTool(state, waitId);
  if (!part || part.toolId !== undefined || part.result) return;
  // The output of an approval is that of its node.
  if (kind === 'approval' && outcome === 'answered') return;
  const result: ToolResult =
    outcome === 'cancelled'
      ? { kind: 'error', text: 'The execution has ended.' }
      : { kind: 'output', output: { outcome } };
  setResult(state, part, result, undefined, send);
}
