import type { ExecutionEvent, Json, TokenUsage } from '@cloutagent/contract';
import { answerNodes } from '../answer-nodes.js';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import type { Message, Part, StreamResponse, Task, TaskStateName, TaskStatus } from './a2a-types.js';
import {
  addChunk,
  type AnswerArtifact,
  applyStep,
  type ArtifactChange,
  artifactOf,
  markLength,
  newArtifact,
} from './answer-artifact.js';
import { type ClientWait, isForClient, partsOfWait } from './open-waits.js';
import { contextOf, type TaskThread } from './task-thread.js';

/** A task after a number of events. Plain data. */
export interface TaskState {
  readonly id: string;
  readonly contextId: string;
  status: TaskStatus;
  /** The message of the user, and the messages of the status so far. */
  history: Message[];
  /** By node id. */
  artifacts: Record<string, AnswerArtifact>;
  /** The ids of the nodes of which clients have artifacts, in the order in which these began. */
  shown: string[];
  isStarted: boolean;
  isPaused: boolean;
  /** The steps that run. */
  running: string[];
  /** The open waits, in the order in which they began: also those that no client can end. */
  waits: ClientWait[];
  usage: TokenUsage;
  costUSD: number | null;
  /** The end of the execution has the usage as well. */
  metadata: Record<string, Json> | undefined;
}

export function beginTask(execution: FormattedExecution): TaskState {
  const { id, createdAt, workflow, thread } = execution;
  const contextId = contextOf(execution);
  const labels = new Map(workflow.nodes.map((node) => [node.id, node.data.label ?? undefined]));
  const message = thread?.protocol === 'a2a' ? (thread.data as unknown as TaskThread).message : undefined;
  return {
    id,
    contextId,
    status: { state: 'TASK_STATE_SUBMITTED', timestamp: createdAt },
    history: message ? [{ ...message, contextId, taskId: id }] : [],
    artifacts: Object.fromEntries(
      answerNodes(workflow).map((nodeId) => [nodeId, newArtifact(nodeId, labels.get(nodeId))]),
    ),
    shown: [],
    isStarted: false,
    isPaused: false,
    running: [],
    waits: [],
    usage: { input: 0, output: 0, total: 0 },
    costUSD: 0,
    metadata: undefined,
  };
}

/** Applies an event, in place. Returns what it changes for clients. Unknown events change nothing. */
export function applyToTask(state: TaskState, event: ExecutionEvent): StreamResponse[] {
  switch (event.type) {
    case 'execution:output': {
      const artifact = artifactFor(state, event.nodeId);
      return artifact ? changed(state, artifact, addChunk(artifact, event.chunk)) : [];
    }
    case 'execution:step': {
      trackStep(state, event.stepId, event.status === 'running');
      const artifact = artifactFor(state, event.nodeId);
      const frames = artifact ? changed(state, artifact, applyStep(artifact, event)) : [];
      return [...frames, ...updateStatus(state, event)];
    }
    case 'execution:token-usage':
      state.usage = event.usage;
      mark(state, event.nodeId, event.sequence);
      return [];
    case 'execution:tool-result':
      mark(state, event.nodeId, event.sequence);
      return [];
    case 'execution:cost-update':
      state.costUSD = event.totalCostUSD;
      return [];
    case 'execution:started':
      state.isStarted = true;
      state.isPaused = false;
      return updateStatus(state, event);
    case 'execution:paused':
      state.isPaused = true;
      return updateStatus(state, event);
    case 'execution:resumed':
      state.isPaused = false;
      return updateStatus(state, event);
    case 'execution:waiting': {
      const { executionId: _id, sequence: _sequence, type: _type, timestamp: _timestamp, ...wait } = event;
      state.waits = [...state.waits.filter(({ waitId }) => waitId !== wait.waitId), wait];
      return updateStatus(state, event);
    }
    case 'execution:wait-ended':
      state.waits = state.waits.filter(({ waitId }) => waitId !== event.waitId);
      return updateStatus(state, event);
    case 'execution:completed':
      state.usage = event.result.tokenUsage;
      state.costUSD = event.result.costUSD;
      return end(state, event, 'TASK_STATE_COMPLETED');
    case 'execution:failed': {
      const { error, code, nodeId } = event;
      const data = { code, ...(nodeId !== undefined && { nodeId }) };
      return end(state, event, 'TASK_STATE_FAILED', [
        { text: error },
        { data, mediaType: 'application/json' },
      ]);
    }
    case 'execution:cancelled':
      return end(
        state,
        event,
        'TASK_STATE_CANCELED',
        event.reason === undefined ? undefined : [{ text: event.reason }],
      );
    default:
      return [];
  }
}

/** Makes the task as it stands. Empty lists are left out, as in all JSON of protocol buffers. */
export function taskOf(state: TaskState): Task {
  const { id, contextId, status, history, shown, artifacts, metadata } = state;
  return {
    id,
    contextId,
    status,
    ...(shown.length > 0 && { artifacts: shown.map((nodeId) => artifactOf(artifacts[nodeId]!)) }),
    ...(history.length > 0 && { history: [...history] }),
    ...(metadata && { metadata }),
  };
}

/** The open waits that a client can end, if the execution waits for one of them. */
export const waitsForClient = (state: TaskState): ClientWait[] =>
  state.status.state === 'TASK_STATE_INPUT_REQUIRED' ? state.waits.filter(isForClient) : [];

const artifactFor = ({ artifacts }: TaskState, nodeId: string): AnswerArtifact | undefined =>
  Object.hasOwn(artifacts, nodeId) ? artifacts[nodeId] : undefined;

function mark(state: TaskState, nodeId: string, sequence: number): void {
  const artifact = artifactFor(state, nodeId);
  if (artifact) markLength(artifact, sequence);
}

function trackStep(state: TaskState, stepId: string, isRunning: boolean): void {
  if (state.running.includes(stepId) === isRunning) return;
  state.running = isRunning ? [...state.running, stepId] : state.running.filter((id) => id !== stepId);
}

function changed(
  state: TaskState,
  { nodeId, name }: AnswerArtifact,
  change: ArtifactChange | undefined,
): StreamResponse[] {
  if (!change) return [];
  const { parts, append, lastChunk } = change;
  if (!state.shown.includes(nodeId)) state.shown.push(nodeId);
  const artifact = { artifactId: nodeId, ...(!append && name !== undefined && { name }), parts };
  const { id: taskId, contextId } = state;
  return [
    {
      artifactUpdate: {
        taskId,
        contextId,
        artifact,
        ...(append && { append }),
        ...(lastChunk && { lastChunk }),
      },
    },
  ];
}

/** The state of the task while the execution has not ended. */
function openState({ isStarted, isPaused, waits, running }: TaskState): TaskStateName {
  if (!isStarted) return 'TASK_STATE_SUBMITTED';
  const isWaiting = !isPaused && running.length === 0 && waits.some(isForClient);
  return isWaiting ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_WORKING';
}

function updateStatus(state: TaskState, event: ExecutionEvent): StreamResponse[] {
  const next = openState(state);
  const isAsking = next === 'TASK_STATE_INPUT_REQUIRED';
  const parts = isAsking ? state.waits.filter(isForClient).flatMap(partsOfWait) : undefined;
  const isSame = next === state.status.state && (!isAsking || isSameQuestion(state.status.message, parts!));
  return isSame ? [] : setStatus(state, event, next, parts);
}

/** Each wait has its id in its parts. */
const isSameQuestion = (message: Message | undefined, parts: Part[]): boolean =>
  JSON.stringify(message?.parts) === JSON.stringify(parts);

function end(state: TaskState, event: ExecutionEvent, next: TaskStateName, parts?: Part[]): StreamResponse[] {
  const { usage, costUSD } = state;
  state.metadata = { usage: { ...usage }, costUSD };
  state.waits = [];
  state.running = [];
  return setStatus(state, event, next, parts);
}

function setStatus(
  state: TaskState,
  { sequence, timestamp }: ExecutionEvent,
  next: TaskStateName,
  parts: Part[] | undefined,
): StreamResponse[] {
  const { id: taskId, contextId, metadata } = state;
  const message: Message | undefined = parts && {
    messageId: `${taskId}.${sequence}`,
    contextId,
    taskId,
    role: 'ROLE_AGENT',
    parts,
  };
  if (message) state.history = [...state.history, message];
  state.status = { state: next, ...(message && { message }), timestamp };
  return [{ statusUpdate: { taskId, contextId, status: state.status, ...(metadata && { metadata }) } }];
}
