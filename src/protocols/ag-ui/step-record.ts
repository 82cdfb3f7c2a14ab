import type { ExecutionEventOf, StepStatus } from '@cloutagent/contract';
import type { AgUiState } from './ag-ui-state.js';

type StepEvent = ExecutionEventOf<'execution:step'>;

/** Returns the status that an event gives its step. Earlier versions recorded `skipped` for a step that was cut off. */
export const applyStepRecord = (state: AgUiState, { status, stepId }: StepEvent): StepStatus =>
  status === 'skipped' && state.steps[stepId] ? 'cancelled' : status;

/**
 * Returns the sequence after which the events of a step's node are no longer valid; Infinity if all stay valid. The rules are
 * those of `KeptWork` in the contract, over plain data.
 */
export function droppedAfter(state: AgUiState, event: StepEvent): number {
  const { stepId, status, continues, keptThrough } = event;
  const known = Object.hasOwn(state.starts, stepId) ? state.starts[stepId] : undefined;
  const start = known ?? (continues === undefined ? 0 : (state.kept[continues] ?? 0));
  state.starts[stepId] = start;
  if (status !== 'retrying') return known === undefined ? start : Infinity;
  if (keptThrough === undefined) return start;
  const through = Math.max(start, keptThrough);
  state.kept[stepId] = through;
  return through;
}
