import type { ExecutionEvent, ExecutionEventOf } from './events.js';
import type { ExecutionStatus, Step, StepStatus, TokenUsage } from './execution.js';

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
  lastSequence: number;
}

export const initialState = (): ExecutionState => ({
  status: 'queued',
  steps: [],
  tokenUsage: { input: 0, output: 0, total: 0 },
  costUSD: 0,
  modelUsage: {},
  lastSequence: 0,
});

/** Applies one event to `state`, in place. Event types that the state does not show change only `lastSequence`. */
export function applyEvent(state: ExecutionState, event: ExecutionEvent): ExecutionState {
  state.lastSequence = Math.max(state.lastSequence, event.sequence);
  switch (event.type) {
    case 'execution:started':
    case 'execution:resumed':
      state.status = 'running';
      break;
    case 'execution:paused':
      state.status = 'paused';
      break;
    case 'execution:completed':
    case 'execution:failed':
    case 'execution:cancelled':
      state.status = event.type.slice('execution:'.length) as ExecutionStatus;
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
      break;
    default:
      break;
  }
  return state;
}

function applyStep(steps: Step[], event: ExecutionEventOf<'execution:step'>): void {
  const known = steps.findLastIndex((step) => step.stepId === event.stepId);
  const before = steps[known];
  const status = statusAfter(before, event.status);
  const ended = status !== 'running';
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
  };
  if (known === -1) steps.push(step);
  else steps[known] = step;
}

/** Earlier versions recorded `skipped` for a running step that was cut off. Such a step is `cancelled`. */
const statusAfter = (before: Step | undefined, status: StepStatus): StepStatus =>
  status === 'skipped' && before && before.completedAt === undefined ? 'cancelled' : status;
