import { Injectable } from '@nestjs/common';
import {
  activeStatus,
  type ExecutionEvent,
  type ExecutionEventOf,
  isTerminalEvent,
} from '@cloutagent/contract';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { StreamFormat } from '../../streaming/formats/stream-format.decorator.js';
import { applyEnd } from './execution-end.js';
import { applyIdle, isWaitingForClient } from './idle.js';
import { addCall, addChunk } from './message-parts.js';
import { addNodeText, newNodes, seal, sendNode } from './node-state.js';
import { applyStep } from './step.js';
import { applyResult, applyWaitEnded } from './tool-result.js';
import type { UiChunk } from './ui-chunk.js';
import type { NodeState, UiState } from './ui-state.js';

/** The name of the format, and of the protocol of its threads. */
export const AI_SDK = 'ai-sdk';

/**
 * The UI message stream of the AI SDK (npm:ai 7), which `useChat` reads. One execution is one assistant message, whose id is that
 * of the execution. What its last nodes write is the text of the message; each node has a `data-node` part; the calls of tools
 * are dynamic tools. `reset-step` removes what an attempt has written that is not kept, and the format then sends again what
 * else the step of the message had.
 */
@Injectable()
@StreamFormat(AI_SDK)
export class AiSdkFormat implements EventFormat<UiState> {
  headers(): Record<string, string> {
    return { 'x-vercel-ai-ui-message-stream': 'v1' };
  }

  begin({ id, workflow, savedAs, createdAt }: FormattedExecution): UiState {
    return {
      executionId: id,
      workflow: savedAs && `${savedAs.name}@${savedAs.version}`,
      createdAt,
      status: 'queued',
      hasStarted: false,
      isIdle: false,
      hasStep: false,
      nodes: newNodes(workflow),
      waits: [],
      parts: [],
      resultLength: 0,
    };
  }

  encode(event: ExecutionEvent, state: UiState): readonly OutputFrame[] {
    const frames: OutputFrame[] = [];
    const begin = () => {
      if (state.hasStarted && !state.isIdle) return;
      frames.push({ data: start(state) });
      state.hasStarted = true;
      state.isIdle = false;
    };
    const send = (chunk: UiChunk) => {
      if (state.isIdle && QUIET_EVENTS.includes(event.type)) {
        const { messageMetadata } = chunk as Extract<UiChunk, { type: 'message-metadata' }>;
        const data = { ...chunk, messageMetadata: { ...messageMetadata, sequence: event.sequence } };
        frames.push({ data });
        return;
      }
      begin();
      frames.push({ data: chunk });
    };
    // The client sees at once that its message has an answer.
    if (!state.hasStarted) begin();
    apply(event, state, send);
    if (isWaitingForClient(state, event)) applyIdle(state, event.sequence, send);
    if (isTerminalEvent(event.type)) frames.push(DONE);
    return frames;
  }

  isIdle({ isIdle }: UiState): boolean {
    return isIdle;
  }

  interrupted(): readonly OutputFrame[] {
    return [{ data: { type: 'error', errorText: INTERRUPTED } satisfies UiChunk }];
  }
}

/** They only change the metadata of the message, also while it waits for the client. */
const QUIET_EVENTS: readonly string[] = [
  'execution:progress',
  'execution:token-usage',
  'execution:cost-update',
];

const DONE: OutputFrame = { data: '[DONE]' };
const INTERRUPTED =
  'The server has closed this stream, and the answer is not complete: resume the stream. (stream_interrupted)';

const start = ({ executionId, workflow, createdAt, status, hasStarted }: UiState): UiChunk => ({
  type: 'start',
  messageId: executionId,
  messageMetadata: {
    ...(!hasStarted && { executionId, createdAt, ...(workflow !== undefined && { workflow }) }),
    status: status === 'queued' ? 'running' : status,
  },
});

function apply(event: ExecutionEvent, state: UiState, send: (chunk: UiChunk) => void): void {
  switch (event.type) {
    case 'execution:started':
      state.status = activeStatusOf(state);
      break;
    case 'execution:resumed':
      state.status = activeStatusOf(state);
      send({ type: 'message-metadata', messageMetadata: { status: state.status } });
      break;
    case 'execution:paused':
      state.status = 'paused';
      send({ type: 'message-metadata', messageMetadata: { status: 'paused' } });
      break;
    case 'execution:progress': {
      const { completedSteps, totalSteps, percent } = event;
      send({
        type: 'message-metadata',
        messageMetadata: { progress: { completedSteps, totalSteps, percent } },
      });
      break;
    }
    case 'execution:token-usage': {
      const { input, output, total } = event.usage;
      const usage = { inputTokens: input, outputTokens: output, totalTokens: total };
      send({ type: 'message-metadata', messageMetadata: { usage } });
      break;
    }
    case 'execution:cost-update':
      send({ type: 'message-metadata', messageMetadata: { costUSD: event.totalCostUSD } });
      break;
    case 'execution:completed':
    case 'execution:failed':
    case 'execution:cancelled':
      applyEnd(state, event, send);
      break;
    default:
      applyNodeEvent(event, state, send);
  }
}

function applyNodeEvent(event: ExecutionEvent, state: UiState, send: (chunk: UiChunk) => void): void {
  const node = 'nodeId' in event && event.nodeId !== undefined ? nodeOf(state, event.nodeId) : undefined;
  if (!node) return;
  switch (event.type) {
    case 'execution:step':
      applyStep(state, node, event, send);
      updateStatus(state);
      break;
    case 'execution:output':
      if (node.isAnswer) addChunk(state, 'text', event, send);
      else addNodeText(state, event, send);
      break;
    case 'execution:thinking':
      if (node.isAnswer) addChunk(state, 'reasoning', event, send);
      break;
    case 'execution:tool-call':
      addCall(state, event, send);
      sealAgent(node, event);
      break;
    case 'execution:tool-result':
      applyResult(state, event, send);
      sealAgent(node, event);
      break;
    case 'execution:waiting': {
      const { waitId, nodeId, kind, message, schema, toolName, toolArgs, signal, until } = event;
      const wait = { waitId, nodeId, kind, message, schema, toolName, toolArgs, signal, until };
      state.waits = [...state.waits.filter((each) => each.waitId !== waitId), wait];
      updateStatus(state);
      sendNode(state, nodeId, send);
      break;
    }
    case 'execution:wait-ended':
      state.waits = state.waits.filter(({ waitId }) => waitId !== event.waitId);
      updateStatus(state);
      applyWaitEnded(state, event, send);
      sendNode(state, event.nodeId, send);
      break;
    case 'execution:custom': {
      const { nodeId, name, value } = event;
      send({ type: 'data-custom', data: { nodeId, name, value }, transient: true });
      break;
    }
    default:
      break;
  }
}

const nodeOf = ({ nodes }: UiState, nodeId: string): NodeState | undefined =>
  Object.hasOwn(nodes, nodeId) ? nodes[nodeId] : undefined;

/** An agent stores its calls and results in the commit of their events, so neither these nor the text before becomes invalid. */
function sealAgent(
  node: NodeState,
  { sequence }: ExecutionEventOf<'execution:tool-call' | 'execution:tool-result'>,
): void {
  if (node.type === 'agent' || node.type === 'subagent') seal(node, sequence);
}

function updateStatus(state: UiState): void {
  if (state.status === 'running' || state.status === 'waiting') state.status = activeStatusOf(state);
}

const activeStatusOf = ({ nodes, waits }: UiState): 'running' | 'waiting' =>
  activeStatus(
    Object.values(nodes).some(({ status }) => status === 'running'),
    waits.length > 0,
  );
