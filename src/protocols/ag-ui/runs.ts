import type { ExecutionEventOf } from '@cloutagent/contract';
import { PROTOCOL_VERSION } from './ag-ui-events.js';
import type { AgUiState, OpenStep } from './ag-ui-state.js';
import type { FrameWriter } from './frame-writer.js';
import { interruptsOf } from './interrupts.js';
import { addSnapshot, closeAnswer } from './message-log.js';

type Terminal = ExecutionEventOf<'execution:completed' | 'execution:failed' | 'execution:cancelled'>;

/** Returns the ids of the present run. The first run has the client's id, and the next ones a number after it. */
const idsOf = ({ threadId, runId, runs }: AgUiState): { threadId: string; runId: string } => ({
  threadId,
  runId: runs === 1 ? runId : `${runId}.${runs}`,
});

/** Begins a run, and opens the steps again that an interrupt has closed. */
export function beginRun(writer: FrameWriter): void {
  const { state } = writer;
  state.runs += 1;
  state.phase = 'running';
  const isFirst = state.runs === 1;
  const input = isFirst && state.given && inputOf(state, state.given);
  writer.add('RUN_STARTED', {
    ...idsOf(state),
    protocolVersion: PROTOCOL_VERSION,
    ...(input && { input }),
  });
  const execution = structuredClone(state.shared);
  // Later runs leave the rest of the state as it is: the client may have changed it since.
  if (isFirst) writer.add('STATE_SNAPSHOT', { snapshot: { ...state.given?.state, execution } });
  else writer.add('STATE_DELTA', { delta: [{ op: 'add', path: '/execution', value: execution }] });
  for (const step of Object.values(state.steps)) beginStep(writer, step);
}

/** Clients that open the stream later get the messages of the request from here. */
const inputOf = (state: AgUiState, given: NonNullable<AgUiState['given']>) => ({
  ...idsOf(state),
  messages: given.messages,
  ...(given.state && { state: given.state }),
  tools: [],
  context: [],
});

export function beginStep(writer: FrameWriter, { nodeId, nodeType, stepId, name }: OpenStep): void {
  writer.add('STEP_STARTED', { stepName: nodeId });
  if (nodeType === 'subagent') writer.add('SUBAGENT_STARTED', { subagentRunId: stepId, name });
}

/** @param failure why the step has failed; undefined if it has not */
export function endStep(
  writer: FrameWriter,
  { nodeId, nodeType, stepId }: OpenStep,
  failure?: { message: string; code?: string },
): void {
  if (nodeType === 'subagent')
    if (failure) writer.add('SUBAGENT_ERROR', { subagentRunId: stepId, ...failure });
    else writer.add('SUBAGENT_FINISHED', { subagentRunId: stepId, outcome: { type: 'success' } });
  writer.add('STEP_FINISHED', { stepName: nodeId });
}

/** Ends the run with questions to the client. The steps stay open for the next run. */
export function interruptRun(writer: FrameWriter, sequence: number): void {
  const { state } = writer;
  const interrupts = interruptsOf(state);
  for (const step of Object.values(state.steps)) {
    closeAnswer(writer, step);
    const { nodeId, nodeType, stepId } = step;
    if (nodeType === 'subagent') {
      const interruptIds = interrupts.filter((each) => each.subagentRunId === stepId).map(({ id }) => id);
      const outcome = { type: 'suspended', ...(interruptIds.length > 0 && { interruptIds }) };
      writer.add('SUBAGENT_FINISHED', { subagentRunId: stepId, outcome });
    }
    writer.add('STEP_FINISHED', { stepName: nodeId });
  }
  addSnapshot(writer);
  writer.add('RUN_FINISHED', {
    ...idsOf(state),
    outcome: { type: 'interrupt', interrupts },
    ...usageOf(state),
  });
  state.phase = 'interrupted';
  state.usage = [];
  state.points.push({ sequence, ids: interrupts.map(({ id }) => id) });
}

/** Ends the last run, as the execution has ended. All steps are closed. */
export function endRun(writer: FrameWriter, event: Terminal): void {
  const { state } = writer;
  if (event.type === 'execution:failed') {
    const { error, code, nodeId } = event;
    writer.add('RUN_ERROR', {
      message: error,
      code,
      ...usageOf(state),
      ...(nodeId !== undefined && { metadata: { nodeId } }),
    });
  } else if (event.type === 'execution:cancelled')
    writer.add('RUN_FINISHED', { ...idsOf(state), outcome: { type: 'cancelled' }, ...usageOf(state) });
  else {
    // Clients refuse a result that is null.
    const { output } = event.result;
    writer.add('RUN_FINISHED', {
      ...idsOf(state),
      ...(output !== undefined && output !== null && { result: output }),
      outcome: { type: 'success' },
      ...usageOf(state),
    });
  }
  state.phase = 'ended';
}

const usageOf = ({ usage }: AgUiState) => (usage.length > 0 ? { usage: structuredClone(usage) } : {});
