import type { ExecutionEventOf, Json } from '@cloutagent/contract';
import { answerText } from '../answer-nodes.js';
import type { AgUiAssistantMessage } from './ag-ui-events.js';
import type { AgUiState, OpenCall, OpenStep, StoredMessage } from './ag-ui-state.js';
import type { FrameWriter } from './frame-writer.js';

/**
 * The ids of messages of nodes that are not the answer begin with this. A client sends them back with the conversation, where
 * they must not count as what the assistant has said.
 */
export const WORK_PREFIX = 'work-';

/** Clients refuse frames of 10 Mi characters. Conversations that are larger than this get no snapshots of messages. */
const MAX_SNAPSHOT_CHARACTERS = 8_000_000;

/** How many characters are added to a text before it is stored in one piece. */
const PIECE_CHARACTERS = 32_768;

/** The tag of what a subagent emits. */
const tagOf = ({ nodeType, stepId }: OpenStep): { subagentRunId?: string } =>
  nodeType === 'subagent' ? { subagentRunId: stepId } : {};

/** Adds a part of a node's text. */
export function addText(writer: FrameWriter, step: OpenStep, chunk: string, sequence: number): void {
  if (chunk === '') return;
  const { state } = writer;
  closeReasoning(writer, step);
  if (step.text === undefined) {
    const metadata = { nodeId: step.nodeId };
    const message = newMessage(state, step, sequence, { content: '', metadata });
    step.text = message.id;
    writer.add('TEXT_MESSAGE_START', { messageId: message.id, role: 'assistant', metadata, ...tagOf(step) });
  }
  const { message } = state.messages[step.text]!;
  message.content = joined(message.content ?? '', chunk);
  state.size += chunk.length;
  writer.addDelta('TEXT_MESSAGE_CONTENT', step.text, chunk);
}

/** @param metadata what the end of the message adds to its metadata */
function closeText(writer: FrameWriter, step: OpenStep, metadata?: Record<string, Json>): void {
  if (step.text === undefined) return;
  const { message } = writer.state.messages[step.text]!;
  if (metadata) message.metadata = { ...message.metadata, ...metadata };
  writer.add('TEXT_MESSAGE_END', { messageId: step.text, ...(metadata && { metadata }) });
  step.text = undefined;
}

/** Adds a part of a node's reasoning. */
export function addReasoning(writer: FrameWriter, step: OpenStep, chunk: string): void {
  if (chunk === '') return;
  closeText(writer, step);
  step.message = undefined;
  if (step.reasoning === undefined) {
    const messageId = `reasoning-${nextId(step)}`;
    step.reasoning = messageId;
    writer.add('REASONING_START', { messageId, ...tagOf(step) });
    writer.add('REASONING_MESSAGE_START', {
      messageId,
      role: 'reasoning',
      metadata: { nodeId: step.nodeId },
      ...tagOf(step),
    });
  }
  writer.addDelta('REASONING_MESSAGE_CONTENT', step.reasoning, chunk);
}

function closeReasoning(writer: FrameWriter, step: OpenStep): void {
  if (step.reasoning === undefined) return;
  writer.add('REASONING_MESSAGE_END', { messageId: step.reasoning });
  writer.add('REASONING_END', { messageId: step.reasoning });
  step.reasoning = undefined;
}

/** Ends the text and the reasoning of an answer of a model. What follows belongs to the next answer. */
export function closeAnswer(writer: FrameWriter, step: OpenStep, metadata?: Record<string, Json>): void {
  closeReasoning(writer, step);
  closeText(writer, step, metadata);
  step.message = undefined;
}

export function addToolCall(
  writer: FrameWriter,
  step: OpenStep,
  event: ExecutionEventOf<'execution:tool-call'>,
): void {
  const { state } = writer;
  const { toolId, toolName, toolArgs, sequence, nodeId } = event;
  closeReasoning(writer, step);
  closeText(writer, step);
  if (step.message === undefined) newMessage(state, step, sequence, {});
  const messageId = step.message!;
  const id = `call-${step.stepId}.${sequence}`;
  const delta = JSON.stringify(toolArgs ?? {});
  (state.messages[messageId]!.message.toolCalls ??= []).push({
    id,
    type: 'function',
    function: { name: toolName, arguments: delta },
  });
  state.size += delta.length;
  state.calls.push({ id, nodeId, toolId, toolName, args: toolArgs, messageId });
  writer.add('TOOL_CALL_START', {
    toolCallId: id,
    toolCallName: toolName,
    parentMessageId: messageId,
    ...tagOf(step),
  });
  writer.add('TOOL_CALL_ARGS', { toolCallId: id, delta });
  writer.add('TOOL_CALL_END', { toolCallId: id });
}

export function addToolResult(
  writer: FrameWriter,
  step: OpenStep,
  event: ExecutionEventOf<'execution:tool-result'>,
): void {
  const { toolId, nodeId, result, isError, toolArgs, sequence } = event;
  const call = writer.state.calls.find((each) => each.nodeId === nodeId && each.toolId === toolId);
  closeAnswer(writer, step);
  if (!call) return;
  const metadata = { ...(isError && { isError }), ...(toolArgs !== undefined && { toolArgs }) };
  answerCall(writer, step, call, sequence, {
    content: typeof result === 'string' ? result : JSON.stringify(result),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  });
}

/**
 * Gives the calls of a node that have no result one that says so. A client could take them for calls that it has to carry out
 * itself.
 * @param after only calls of messages that began after this sequence
 */
export function answerLeftCalls(writer: FrameWriter, step: OpenStep, sequence: number, after = 0): void {
  const { calls, messages } = writer.state;
  const left = calls.filter(
    ({ nodeId, messageId }) => nodeId === step.nodeId && messages[messageId]!.sequence > after,
  );
  for (const call of left)
    answerCall(writer, step, call, sequence, {
      content: 'This call has no result: its step has ended.',
      metadata: { isError: true },
    });
}

function answerCall(
  writer: FrameWriter,
  step: OpenStep,
  call: OpenCall,
  sequence: number,
  { content, metadata }: { content: string; metadata?: Record<string, Json> },
): void {
  const { state } = writer;
  state.calls = state.calls.filter(({ id }) => id !== call.id);
  const id = call.id.replace(/^call-/, 'result-');
  const extra = { ...(metadata && { metadata }), ...tagOf(step) };
  state.messages[call.messageId]!.results.push({
    sequence,
    toolId: call.toolId,
    message: { id, role: 'tool', toolCallId: call.id, content, ...extra },
  });
  state.size += content.length;
  writer.add('TOOL_CALL_RESULT', { messageId: id, toolCallId: call.id, content, role: 'tool', ...extra });
}

/** Adds the output of a last node as text, if the node has emitted no text: it is the answer. */
export function addOutput(
  writer: FrameWriter,
  step: OpenStep,
  output: Json | undefined,
  sequence: number,
): void {
  const { state } = writer;
  if (!state.answers.includes(step.nodeId)) return;
  const hasText = Object.values(state.messages).some(
    ({ nodeId, message }) => nodeId === step.nodeId && message.content !== undefined,
  );
  if (!hasText) addText(writer, step, answerText(output), sequence);
}

/** Drops the messages and results of a node after a sequence. @returns whether there were any */
export function dropAfter(state: AgUiState, nodeId: string, through: number): boolean {
  let isChanged = false;
  for (const [id, stored] of Object.entries(state.messages)) {
    if (stored.nodeId !== nodeId) continue;
    if (stored.sequence > through) {
      delete state.messages[id];
      state.size -= sizeOf(stored);
      state.calls = state.calls.filter(({ messageId }) => messageId !== id);
      isChanged = true;
      continue;
    }
    while (stored.results.length > 0 && stored.results.at(-1)!.sequence > through) {
      const { toolId, message } = stored.results.pop()!;
      const call = stored.message.toolCalls!.find((each) => each.id === message.toolCallId)!;
      state.calls.push({
        id: call.id,
        nodeId,
        toolId,
        toolName: call.function.name,
        args: JSON.parse(call.function.arguments) as Json,
        messageId: id,
      });
      state.size -= message.content.length;
      isChanged = true;
    }
  }
  return isChanged;
}

/** Adds all messages of the conversation. The client drops those that are not among them. */
export function addSnapshot(writer: FrameWriter): void {
  const { messages, given, size } = writer.state;
  if (size > MAX_SNAPSHOT_CHARACTERS) return;
  writer.add('MESSAGES_SNAPSHOT', {
    messages: [
      ...(given?.messages ?? []),
      ...Object.values(messages).flatMap(({ message, results }) => [
        // The message changes with the next event, and the frame may be written after that.
        structuredClone(message),
        ...results.map((result) => result.message),
      ]),
    ],
  });
}

function newMessage(
  state: AgUiState,
  step: OpenStep,
  sequence: number,
  members: Partial<AgUiAssistantMessage>,
): AgUiAssistantMessage {
  const isAnswer = state.answers.includes(step.nodeId);
  const id = `${isAnswer ? '' : WORK_PREFIX}${nextId(step)}`;
  const message: AgUiAssistantMessage = { id, role: 'assistant', ...members, ...tagOf(step) };
  state.messages[id] = { nodeId: step.nodeId, sequence, message, results: [] };
  step.message = id;
  return message;
}

/** Returns the id of the next message of a step: that of the step, with a number from the second one on. */
function nextId(step: OpenStep): string {
  step.parts += 1;
  return step.parts === 1 ? step.stepId : `${step.stepId}.${step.parts}`;
}

/**
 * Appends to a text. V8 joins texts lazily and keeps every part: 200,000 chunks of 18 characters take four times the memory of
 * the text. A regular expression makes V8 store the text in one piece.
 */
function joined(text: string, chunk: string): string {
  const result = text + chunk;
  const isDue = Math.floor(text.length / PIECE_CHARACTERS) < Math.floor(result.length / PIECE_CHARACTERS);
  if (isDue) /^\w?/.test(result);
  return result;
}

const sizeOf = ({ message: { content = '', toolCalls = [] }, results }: StoredMessage): number =>
  content.length +
  toolCalls.reduce((sum, call) => sum + call.function.arguments.length, 0) +
  results.reduce((sum, { message }) => sum + message.content.length, 0);
