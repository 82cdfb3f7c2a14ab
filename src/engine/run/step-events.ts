import type { EventDraft, Json, StepStatus, WorkflowNode } from '@cloutagent/contract';

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

/** The `execution:step` event of a step of this process. */
export function stepEvent(
  step: Pick<RunningStep, 'node' | 'stepId' | 'attempt'>,
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

/** The `execution:progress` event of an execution. */
export const progressEvent = (completedSteps: number, totalSteps: number): EventDraft => ({
  type: 'execution:progress',
  fields: { completedSteps, totalSteps, percent: Math.floor((100 * completedSteps) / totalSteps) },
});
