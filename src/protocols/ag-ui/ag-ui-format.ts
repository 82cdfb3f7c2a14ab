import {
  activeStatus,
  type ExecutionEvent,
  type ExecutionEventOf,
  isTerminal,
  isTerminalEvent,
} from '@cloutagent/contract';
import { Injectable } from '@nestjs/common';
import type { EventFormat, FormattedExecution, OutputFrame } from '../../streaming/formats/event-format.js';
import { StreamFormat } from '../../streaming/formats/stream-format.decorator.js';
import { type AgUiState, beginState, type OpenStep } from './ag-ui-state.js';
import { FrameWriter } from './frame-writer.js';
import {
  addOutput,
  addReasoning,
  addSnapshot,
  addText,
  addToolCall,
  addToolResult,
  answerLeftCalls,
  closeAnswer,
  dropAfter,
} from './message-log.js';
import { hasMoreToolWaits, hasPendingWork, INTERRUPT_KINDS } from './pending-work.js';
import { beginRun, beginStep, endRun, endStep, interruptRun } from './runs.js';
import { applyStepRecord, droppedAfter } from './step-record.js';
import { ThreadData } from './thread-data.js';
import { countUsage } from './usage.js';

type StepEvent = ExecutionEventOf<'execution:step'>;

export const AG_UI = 'ag-ui';

/** The code of RUN_ERROR when the server ends a stream before the execution has ended. */
const STREAM_CLOSED = 'stream_closed';

/**
 * AG-UI 1.0: messages, steps, subagents, state and interrupts (https://docs.ag-ui.com/concepts/events). An execution is one
 * run, and one more each time that it continues after the client had to answer.
 */
@Injectable()
@StreamFormat(AG_UI)
export class AgUiFormat implements EventFormat<AgUiState> {
  begin(execution: FormattedExecution): AgUiState {
    const { thread } = execution;
    const data = thread?.protocol === AG_UI ? ThreadData.safeParse(thread.data).data : undefined;
    return beginState(execution, data);
  }

  encode(event: ExecutionEvent, state: AgUiState): OutputFrame[] {
    if (state.phase === 'ended') return [];
    const writer = new FrameWriter(state, Date.parse(event.timestamp));
    // What only changes the state that the client shares does not begin a run.
    const isQuiet = state.phase === 'interrupted' && isQuietEvent(event);
    if (state.phase !== 'running' && !isQuiet) beginRun(writer);
    apply(writer, event);
    updateStatus(writer, event);
    writer.addChanges();
    if (isTerminalEvent(event.type)) endRun(writer, event as Parameters<typeof endRun>[1]);
    else if (state.phase === 'running' && waitsForClient(state, event)) interruptRun(writer, event.sequence);
    return writer.events.map((data) => ({ data }));
  }

  isIdle({ phase }: AgUiState): boolean {
    return phase === 'interrupted';
  }

  interrupted(): OutputFrame[] {
    const message =
      'The server has closed this stream before the execution ended. The execution continues: open its stream again.';
    return [{ data: { type: 'RUN_ERROR', message, code: STREAM_CLOSED } }];
  }
}

const QUIET = new Set([
  'execution:progress',
  'execution:branch',
  'execution:token-usage',
  'execution:cost-update',
]);
const isQuietEvent = (event: ExecutionEvent): boolean =>
  QUIET.has(event.type) || (event.type === 'execution:step' && event.status === 'skipped');

function apply(writer: FrameWriter, event: ExecutionEvent): void {
  const { state } = writer;
  switch (event.type) {
    case 'execution:started':
      return;
    case 'execution:step':
      applyStep(writer, event);
      return;
    case 'execution:output':
      whileOpen(writer, event, (step) => addText(writer, step, event.chunk, event.sequence));
      return;
    case 'execution:thinking':
      whileOpen(writer, event, (step) => addReasoning(writer, step, event.chunk));
      return;
    case 'execution:tool-call':
      whileOpen(writer, event, (step) => addToolCall(writer, step, event));
      return;
    case 'execution:tool-result':
      whileOpen(writer, event, (step) => addToolResult(writer, step, event));
      return;
    case 'execution:token-usage':
      countUsage(state, event);
      endAnswer(writer, event);
      return;
    case 'execution:progress': {
      const { completedSteps, totalSteps, percent } = event;
      state.shared.progress = { completedSteps, totalSteps, percent };
      writer.change('/progress', { completedSteps, totalSteps, percent });
      return;
    }
    case 'execution:branch':
      state.branches[event.nodeId] = event.taken;
      addCustom(writer, event);
      return;
    case 'execution:waiting': {
      const { executionId: _id, sequence: _sequence, type: _type, timestamp: since, ...wait } = event;
      state.waits = [...state.waits.filter(({ waitId }) => waitId !== wait.waitId), { ...wait, since }];
      addCustom(writer, event);
      return;
    }
    case 'execution:wait-ended':
      state.waits = state.waits.filter(({ waitId }) => waitId !== event.waitId);
      if (!standsStill(state, event.nodeId)) state.resuming.push(event.nodeId);
      addCustom(writer, event);
      return;
    case 'execution:custom': {
      const { name, value, nodeId } = event;
      writer.add('CUSTOM', { name, value, metadata: { nodeId } });
      return;
    }
    case 'execution:cost-update':
    case 'execution:retry':
    case 'execution:paused':
    case 'execution:resumed':
      addCustom(writer, event);
      return;
    case 'execution:completed':
    case 'execution:failed':
    case 'execution:cancelled':
      // Journals of earlier versions have no events of the steps that the end cuts off.
      for (const step of Object.values(state.steps)) cutOff(writer, step, event.sequence);
      state.waits = [];
      return;
    default:
      // A later version may record further types.
      return;
  }
}

/** Sends an event of ours under its own name. Quiet ones are left out between two runs. */
function addCustom(writer: FrameWriter, event: ExecutionEvent): void {
  if (writer.state.phase !== 'running') return;
  const { executionId: _id, sequence: _sequence, type: name, timestamp: _timestamp, ...value } = event;
  writer.add('CUSTOM', { name, value });
}

function applyStep(writer: FrameWriter, event: StepEvent): void {
  const { state } = writer;
  const { nodeId, stepId, sequence } = event;
  state.resuming = state.resuming.filter((id) => id !== nodeId);
  const status = applyStepRecord(state, event);
  const isOpen = status === 'running' || status === 'waiting';
  const through = droppedAfter(state, event);
  if (isOpen) stepOf(writer, event).status = status;
  else if (status !== 'skipped') {
    const step = stepOf(writer, event);
    const isCut = status !== 'completed';
    if (status === 'completed') addOutput(writer, step, event.output, sequence);
    closeAnswer(writer, step, isCut ? { incomplete: true } : undefined);
    answerLeftCalls(writer, step, sequence, status === 'retrying' ? through : 0);
    endStep(writer, step, isCut ? failureOf(event) : undefined);
    delete state.steps[stepId];
  }
  if (through !== Infinity && dropAfter(state, nodeId, through)) addSnapshot(writer);
  state.shared.nodes[nodeId] = status;
  writer.change(`/nodes/${nodeId}`, status);
}

const failureOf = ({ status, error, code }: StepEvent): { message: string; code?: string } => ({
  message: error ?? `The step has ended: ${status}.`,
  ...(code !== undefined && { code }),
});

function cutOff(writer: FrameWriter, step: OpenStep, sequence: number): void {
  closeAnswer(writer, step, { incomplete: true });
  answerLeftCalls(writer, step, sequence);
  endStep(writer, step, { message: 'The execution has ended.' });
  delete writer.state.steps[step.stepId];
  writer.state.shared.nodes[step.nodeId] = 'cancelled';
  writer.change(`/nodes/${step.nodeId}`, 'cancelled');
}

/** Calls `emit` with the step of an event, unless the step has ended. */
function whileOpen(
  writer: FrameWriter,
  event: { stepId: string; nodeId: string },
  emit: (step: OpenStep) => void,
): void {
  const { steps, starts } = writer.state;
  if (steps[event.stepId] || !Object.hasOwn(starts, event.stepId)) emit(stepOf(writer, event));
}

/** Returns the open step of an event. Opens it if it is new. */
function stepOf(writer: FrameWriter, event: { stepId: string; nodeId: string }): OpenStep {
  const { state } = writer;
  const { stepId, nodeId } = event;
  const known = state.steps[stepId];
  if (known) return known;
  const of = event as Partial<StepEvent>;
  const step: OpenStep = {
    stepId,
    nodeId,
    nodeType: of.nodeType ?? state.graph.nodes.find(({ id }) => id === nodeId)?.type ?? 'agent',
    name: of.step ?? nodeId,
    status: 'running',
    parts: 0,
  };
  for (const other of Object.values(state.steps)) if (other.nodeId === nodeId) cutOff(writer, other, 0);
  state.steps[stepId] = step;
  beginStep(writer, step);
  return step;
}

/** A call of a model has ended. What an agent emits after it belongs to its next answer. */
function endAnswer(writer: FrameWriter, { nodeId, call }: ExecutionEventOf<'execution:token-usage'>): void {
  if (!call || writer.state.phase !== 'running') return;
  const step = Object.values(writer.state.steps).find(
    (each) => each.nodeId === nodeId && (each.nodeType === 'agent' || each.nodeType === 'subagent'),
  );
  if (step) closeAnswer(writer, step, call.incomplete ? { incomplete: true } : undefined);
}

/** Whether a node waits for its next attempt or for a decision about it. Then the end of another wait does not continue it. */
const standsStill = ({ waits, shared }: AgUiState, nodeId: string): boolean =>
  waits.some(
    (wait) =>
      wait.nodeId === nodeId &&
      (wait.kind === 'failure' || (wait.kind === 'timer' && shared.nodes[nodeId] === 'retrying')),
  );

/** Sets the status of the execution by the rules of docs/protocol.md. */
function updateStatus(writer: FrameWriter, { type }: ExecutionEvent): void {
  const { state } = writer;
  const { shared } = state;
  const isActive = shared.status === 'running' || shared.status === 'waiting';
  const active = () =>
    activeStatus(
      Object.values(state.steps).some(({ status }) => status === 'running'),
      state.waits.length > 0,
    );
  const next = isTerminalEvent(type)
    ? (type.slice('execution:'.length) as 'completed' | 'failed' | 'cancelled')
    : type === 'execution:paused'
      ? 'paused'
      : type === 'execution:started' || type === 'execution:resumed' || isActive
        ? active()
        : shared.status;
  if (next === shared.status || isTerminal(shared.status)) return;
  shared.status = next;
  writer.change('/status', next);
}

/** Whether nothing continues before the client has ended a wait. */
function waitsForClient(state: AgUiState, event: ExecutionEvent): boolean {
  if (state.shared.status !== 'waiting') return false;
  if (!state.waits.some(({ kind }) => INTERRUPT_KINDS.includes(kind))) return false;
  if (event.type === 'execution:waiting' && event.kind === 'tool' && hasMoreToolWaits(state, event.nodeId))
    return false;
  return !hasPendingWork(state);
}
