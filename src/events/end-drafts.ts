import type { EventDraft, EventFields, ExecutionState, StepStatus } from '@cloutagent/contract';

type StepDraft = Extract<EventDraft, { type: 'execution:step' }>;

/**
 * Makes the events that end the open steps of an execution which no process runs.
 * @param from the statuses of the steps to end
 * @param more further fields of each event
 */
export const endSteps = (
  { steps }: ExecutionState,
  from: readonly StepStatus[],
  status: StepStatus,
  more: Partial<EventFields['execution:step']> = {},
): StepDraft[] =>
  steps
    .filter((step) => from.includes(step.status))
    .map(({ step, stepId, nodeId, nodeType, attempt }) => ({
      type: 'execution:step',
      fields: { step, stepId, nodeId, nodeType, status, attempt, ...more },
    }));

/** Makes the events of the steps that the end of an execution cuts off. */
export const cutOffSteps = (state: ExecutionState): StepDraft[] =>
  endSteps(state, ['running', 'waiting'], 'cancelled');

/** The fields that say who requested a change, and why. Unknown ones are left out. */
export const attribution = (by: string | null, reason: string | null) => ({
  ...(reason !== null && { reason }),
  ...(by !== null && { by }),
});
