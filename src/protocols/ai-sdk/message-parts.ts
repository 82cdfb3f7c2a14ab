import { isDeepStrictEqual } from 'node:util';
import type { ExecutionEventOf, Json } from '@cloutagent/contract';
import { sendNode } from './node-state.js';
import { APPROVAL_TOOL } from './tool-parts.js';
import type { Send } from './ui-chunk.js';
import type { OpenWait, Part, TextPart, ToolPart, ToolResult, UiState } from './ui-state.js';

/** The most JSON characters of results that a step of the message keeps for a reset, unless they belong to one call. */
const MAX_RESULT_LENGTH = 262_144;

/** Adds a chunk to the open text of a node, or begins a part with it. */
export function addChunk(
  state: UiState,
  kind: TextPart['kind'],
  { nodeId, sequence, chunk }: Pick<ExecutionEventOf<'execution:output'>, 'nodeId' | 'sequence' | 'chunk'>,
  send: Send,
): void {
  if (chunk === '') return;
  let part = state.parts.find(
    (each): each is TextPart => each.kind === kind && each.nodeId === nodeId && each.isOpen,
  );
  if (!part) {
    closeTexts(state, nodeId, send);
    beginStep(state, send);
    part = { kind, nodeId, from: sequence, id: `${kind}-${sequence}`, text: '', isOpen: true };
    state.parts.push(part);
    send({ type: `${kind}-start`, id: part.id });
  }
  part.text += chunk;
  send({ type: `${kind}-delta`, id: part.id, delta: chunk });
}

/** Closes the open texts of a node, or of all nodes. */
export function closeTexts(state: UiState, nodeId: string | undefined, send: Send): void {
  for (const part of state.parts) {
    if ((part.kind !== 'text' && part.kind !== 'reasoning') || !part.isOpen) continue;
    if (nodeId !== undefined && part.nodeId !== nodeId) continue;
    part.isOpen = false;
    send({ type: `${part.kind}-end`, id: part.id });
  }
}

export function addCall(
  state: UiState,
  { nodeId, sequence, toolId, toolName, toolArgs }: ExecutionEventOf<'execution:tool-call'>,
  send: Send,
): void {
  closeTexts(state, nodeId, send);
  // Models repeat ids from one call to the next, and nodes have the same ones. `modelMessages` removes the sequence.
  const toolCallId = `${toolId}~${sequence}`;
  addTool(state, { nodeId, from: sequence, toolCallId, toolId, toolName, input: toolArgs }, send);
}

function addTool(
  state: UiState,
  tool: Omit<ToolPart, 'kind' | 'approval' | 'decision' | 'result'>,
  send: Send,
): ToolPart {
  beginStep(state, send);
  const part: ToolPart = {
    kind: 'tool',
    ...tool,
    approval: undefined,
    decision: undefined,
    result: undefined,
  };
  state.parts.push(part);
  sendInput(state, part, send);
  return part;
}

/** Returns the call of a node without a result that an event of its journal names. */
export const openCall = (state: UiState, nodeId: string, toolId: string): ToolPart | undefined =>
  tools(state).find((part) => part.nodeId === nodeId && part.toolId === toolId && !part.result);

export const openTools = (state: UiState, nodeId?: string): ToolPart[] =>
  tools(state).filter((part) => !part.result && (nodeId === undefined || part.nodeId === nodeId));

export const askedTool = (state: UiState, waitId: string): ToolPart | undefined =>
  tools(state).find(({ approval }) => approval?.id === waitId);

const tools = ({ parts }: UiState): ToolPart[] =>
  parts.filter((part): part is ToolPart => part.kind === 'tool');

/** Changes the arguments of a call to those that a person has sent. */
export function setInput(state: UiState, part: ToolPart, input: Json, send: Send): void {
  part.input = input;
  sendInput(state, part, send);
}

export function setResult(
  state: UiState,
  part: ToolPart,
  result: ToolResult,
  decision: ToolPart['decision'],
  send: Send,
): void {
  part.result = result;
  part.decision = part.approval && decision;
  if (result.kind === 'output') state.resultLength += JSON.stringify(result.output)?.length ?? 0;
  sendResult(part, send);
}

/** Asks the client for its consent: to a call that the message has, or else with a call that stands for the wait. */
export function ask(state: UiState, wait: OpenWait, sequence: number, send: Send): void {
  const { waitId, nodeId, kind, message, schema, toolName = APPROVAL_TOOL, toolArgs } = wait;
  const own = tools(state).filter(
    (part) => part.nodeId === nodeId && part.toolName === toolName && !part.result && !part.approval,
  );
  const called =
    kind === 'tool' ? (own.find(({ input }) => isDeepStrictEqual(input, toolArgs)) ?? own[0]) : undefined;
  const form = { ...(message !== undefined && { message }), ...(schema && { schema: schema as Json }) };
  const part =
    called ??
    addTool(
      state,
      {
        nodeId,
        from: sequence,
        toolCallId: waitId,
        toolId: undefined,
        toolName: kind === 'tool' ? toolName : APPROVAL_TOOL,
        input: kind === 'tool' ? (toolArgs ?? null) : form,
      },
      send,
    );
  part.approval = { id: waitId, ...(message !== undefined && { reason: message }) };
  sendRequest(part, send);
}

/** Removes the parts of a node that are no longer valid from the message. */
export function dropParts(state: UiState, nodeId: string, through: number, send: Send): void {
  const valid = state.parts.filter(
    (part) => part.kind === 'node' || part.nodeId !== nodeId || part.from <= through,
  );
  if (valid.length === state.parts.length) return;
  // The reset removes all parts of the step, so the others are sent again.
  state.parts = valid;
  send({ type: 'reset-step' });
  for (const part of valid) repeat(state, part, send);
}

/**
 * Begins a step of the message if there is none, or if everything in the present one is final and it has results of tools. The
 * parts of earlier steps cannot be removed any more.
 */
function beginStep(state: UiState, send: Send): void {
  if (!state.hasStep) {
    state.hasStep = true;
    send({ type: 'start-step' });
    return;
  }
  if (!state.parts.some((part) => part.kind === 'tool' && part.result)) return;
  const open = state.parts.filter((part) => !isFinal(state, part));
  if (open.length > 0) {
    if (state.resultLength <= MAX_RESULT_LENGTH) return;
    const final = state.parts.filter((part) => isFinal(state, part));
    send({ type: 'reset-step' });
    for (const part of final) repeat(state, part, send);
  }
  for (const part of state.parts)
    if (part.kind === 'text' && !open.includes(part)) state.nodes[part.nodeId]!.hasText = true;
  state.parts = open;
  state.resultLength = 0;
  send({ type: 'finish-step' });
  send({ type: 'start-step' });
  for (const part of open) repeat(state, part, send);
}

function isFinal({ nodes }: UiState, part: Part): boolean {
  if (part.kind === 'node') return true;
  const isDone = part.kind === 'tool' ? part.result !== undefined : !part.isOpen;
  return isDone && part.from <= nodes[part.nodeId]!.sealed;
}

/** Sends a part again after a reset. */
function repeat(state: UiState, part: Part, send: Send): void {
  switch (part.kind) {
    case 'node':
      return sendNode(state, part.nodeId, send);
    case 'tool':
      sendInput(state, part, send);
      if (!part.result) sendRequest(part, send);
      return sendResult(part, send);
    default: {
      const { kind, id, text, isOpen } = part;
      send({ type: `${kind}-start`, id });
      send({ type: `${kind}-delta`, id, delta: text });
      if (!isOpen) send({ type: `${kind}-end`, id });
    }
  }
}

function sendInput(
  { nodes }: UiState,
  { nodeId, toolCallId, toolId, toolName, input }: ToolPart,
  send: Send,
): void {
  const isCall = toolId !== undefined;
  send({
    type: 'tool-input-available',
    toolCallId,
    toolName,
    input,
    dynamic: true,
    ...(!isCall && { title: nodes[nodeId]!.label }),
    toolMetadata: { nodeId, isCall },
  });
}

function sendRequest({ toolCallId, approval }: ToolPart, send: Send): void {
  if (!approval) return;
  const { id, reason } = approval;
  send({
    type: 'tool-approval-request',
    approvalId: id,
    toolCallId,
    ...(reason !== undefined && { reason }),
  });
}

function sendResult(part: ToolPart, send: Send): void {
  const { toolCallId, approval, decision, result } = part;
  if (approval && decision) {
    // A client that has answered with `addToolOutput` does not have the request any more.
    sendRequest(part, send);
    send({ type: 'tool-approval-response', approvalId: approval.id, ...decision });
  }
  switch (result?.kind) {
    case 'output':
      return send({ type: 'tool-output-available', toolCallId, output: result.output, dynamic: true });
    case 'error':
      return send({ type: 'tool-output-error', toolCallId, errorText: result.text, dynamic: true });
    case 'denied':
      return send({ type: 'tool-output-denied', toolCallId });
    default:
      return undefined;
  }
}
