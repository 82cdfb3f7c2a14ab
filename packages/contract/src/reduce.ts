import type { ExecutionEvent } from './events.js';
import type { ExecutionStatus, Step, StepStatus, TokenUsage } from './execution.js';

/** What the events of one execution add up to. */
export interface ExecutionState {
  status: ExecutionStatus;
  /** Every step, in the order they started. */
  steps: Step[];
  tokenUsage: TokenUsage;
  /** null when the price of a model used is not known. */
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

/** Adds one event to `state`, in place. Events of other kinds than the state shows change only `lastSequence`. */
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

function applyStep(steps: Step[], event: Extract<ExecutionEvent, { type: 'execution:step' }>): void {
  const known = steps.findLastIndex((step) => step.stepId === event.stepId);
  const before = steps[known];
  const status = statusAfter(before, event.status);
  const over = status !== 'running';
  const step: Step = {
    stepId: event.stepId,
    step: event.step,
    nodeId: event.nodeId,
    nodeType: event.nodeType,
    status,
    attempt: event.attempt,
    startedAt: before?.startedAt ?? event.timestamp,
    ...(over && { completedAt: event.timestamp }),
    ...(event.duration !== undefined && { duration: event.duration }),
    ...(event.output !== undefined && { output: event.output }),
    ...(event.error !== undefined && { error: event.error }),
  };
  if (known === -1) steps.push(step);
  else steps[known] = step;
}

/** Journals of earlier versions call a step `skipped` that had begun and was cut off. */
const statusAfter = (before: Step | undefined, status: StepStatus): StepStatus =>
  status === 'skipped' && before && before.completedAt === undefined ? 'cancelled' : status;
