import type { EventDraft, ExecutionState, Json, StepStatus, WorkflowNode } from '@cloutagent/contract';

/** A step that runs in this process. */
export interface RunningStep {
  node: WorkflowNode;
  stepId: string;
  attempt: number;
  /** By `performance.now()`. It may be before the start of this process. */
  startedAt: number;
  /** Whether the handler is called again after a wait. */
  isResumed?: boolean;
}

/** The time since the step began, in ms. */
export const elapsedMs = (step: RunningStep): number => Math.round(performance.now() - step.startedAt);

/** The fields that say who requested a change, and why. Unknown ones are left out. */
export const attribution = (by: string | null, reason: string | null) => ({
  ...(reason !== null && { reason }),
  ...(by !== null && { by }),
});

/** The `execution:step` event of a step that runs in this process. */
export function stepEvent(
  step: RunningStep,
  status: StepStatus,
  extraFields: { output?: Json; error?: string; code?: string; duration?: number } = {},
): EventDraft {
  const { node, stepId, attempt } = step;
  return {
    type: 'execution:step',
    fields: {
      step: node.data.label ?? node.id,
      stepId,
      nodeId: node.id,
      nodeType: node.type,
      status,
      attempt,
      ...extraFields,
    },
  };
}

/** Makes the events of the steps that are open when an execution ends before a process runs it. */
export const cutOffSteps = ({ steps }: ExecutionState): EventDraft[] =>
  steps
    .filter(({ status }) => status === 'running' || status === 'waiting')
    .map(({ step, stepId, nodeId, nodeType, attempt }) => ({
      type: 'execution:step',
      fields: { step, stepId, nodeId, nodeType, status: 'cancelled', attempt },
    }));
