import type { ExecutionEvent, ExecutionEventOf } from './events.js';
import type { ExecutionStatus, Step, StepStatus, TokenUsage } from './execution.js';
import type { OpenWait } from './waits.js';

export { KeptWork } from './kept-work.js';

/** The state of one execution after a number of its events. */
export interface ExecutionState {
  status: ExecutionStatus;
  /** Every step, in the order in which they started. */
  steps: Step[];
  tokenUsage: TokenUsage;
  /** null when the price of a used model is unknown. */
  costUSD: number | null;
  /** Usage by model name. */
  modelUsage: Record<string, { input: number; output: number; costUSD: number | null }>;
  /** The open waits, in the order in which they began. */
  waits: OpenWait[];
  /** The decisions on the edges of each node that has conditions or outcomes on its edges, by node id. */
  branches: Record<string, { taken: string[]; notTaken: string[] }>;
  lastSequence: number;
}

export const initialState = (): ExecutionState => ({
  status: 'queued',
  steps: [],
  tokenUsage: { input: 0, output: 0, total: 0 },
  costUSD: 0,
  modelUsage: {},
  waits: [],
  branches: {},
  lastSequence: 0,
});

/** Applies one event to `state`, in place. Event types that the state does not show change only `lastSequence`. */
export function applyEvent(state: ExecutionState, event: ExecutionEvent): ExecutionState {
  state.lastSequence = Math.max(state.lastSequence, event.sequence);
  switch (event.type) {
    case 'execution:started':
    case 'execution:resumed':
      state.status = activeStatusOf(state);
      break;
    case 'execution:paused':
      state.status = 'paused';
      break;
    case 'execution:completed':
    case 'execution:failed':
    case 'execution:cancelled':
      state.status = event.type.slice('execution:'.length) as ExecutionStatus;
      // An end cancels the open waits, also where no event says so.
      state.waits = [];
      break;
    case 'execution:branch':
      setOwn(state.branches, event.nodeId, { taken: event.taken, notTaken: event.notTaken });
      break;
    case 'execution:waiting': {
      const { executionId: _id, sequence: _sequence, type: _type, timestamp, ...wait } = event;
      state.waits = [
        ...state.waits.filter(({ waitId }) => waitId !== wait.waitId),
        { ...wait, since: timestamp },
      ];
      updateStatus(state);
      break;
    }
    case 'execution:wait-ended':
      state.waits = state.waits.filter(({ waitId }) => waitId !== event.waitId);
      updateStatus(state);
      break;
    case 'execution:token-usage':
      state.tokenUsage = event.usage;
      break;
    case 'execution:cost-update':
      state.costUSD = event.totalCostUSD;
      state.modelUsage = event.modelUsage;
      break;
    case 'execution:step':
      applyStep(state.steps, event);
      updateStatus(state);
      break;
    default:
      break;
  }
  return state;
}

/**
 * The status of an execution that is neither queued, paused nor ended: `waiting` if no step runs and at least one wait is
 * open, otherwise `running`.
 */
export const activeStatus = (hasRunningStep: boolean, hasOpenWait: boolean): 'running' | 'waiting' =>
  hasOpenWait && !hasRunningStep ? 'waiting' : 'running';

const activeStatusOf = ({ steps, waits }: ExecutionState): ExecutionStatus =>
  activeStatus(
    steps.some(({ status }) => status === 'running'),
    waits.length > 0,
  );

function updateStatus(state: ExecutionState): void {
  if (state.status === 'running' || state.status === 'waiting') state.status = activeStatusOf(state);
}

/** Sets an own member, also one that is called `__proto__`. */
function setOwn<Value>(record: Record<string, Value>, key: string, value: Value): void {
  Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true });
}

function applyStep(steps: Step[], event: ExecutionEventOf<'execution:step'>): void {
  const known = steps.findLastIndex((step) => step.stepId === event.stepId);
  const before = steps[known];
  const status = statusAfter(before, event.status);
  const ended = status !== 'running' && status !== 'waiting';
  const step: Step = {
    stepId: event.stepId,
    step: event.step,
    nodeId: event.nodeId,
    nodeType: event.nodeType,
    status,
    attempt: event.attempt,
    startedAt: before?.startedAt ?? event.timestamp,
    ...(ended && { completedAt: event.timestamp }),
    ...(event.duration !== undefined && { duration: event.duration }),
    ...(event.output !== undefined && { output: event.output }),
    ...(event.error !== undefined && { error: event.error }),
    ...(event.code !== undefined && { code: event.code }),
    ...(event.reusedFrom !== undefined && { reusedFrom: event.reusedFrom }),
    ...agentFields(event),
    // A later event of the step does not repeat what it continues.
    ...(before?.continues !== undefined && { continues: before.continues }),
  };
  if (known === -1) steps.push(step);
  else steps[known] = step;
}

/** The fields of an event of a step with a model. */
const agentFields = ({
  continues,
  keptThrough,
  finishReason,
  incomplete,
}: ExecutionEventOf<'execution:step'>) => ({
  ...(continues !== undefined && { continues }),
  ...(keptThrough !== undefined && { keptThrough }),
  ...(finishReason !== undefined && { finishReason }),
  ...(incomplete !== undefined && { incomplete }),
});

/** Earlier versions recorded `skipped` for a running step that was cut off. Such a step is `cancelled`. */
const statusAfter = (before: Step | undefined, status: StepStatus): StepStatus =>
  status === 'skipped' && before && before.completedAt === undefined ? 'cancelled' : status;
