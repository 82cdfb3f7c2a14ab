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
  /** The step whose stored work this one continues. */
  continues?: string | undefined;
  /** What the end of the step says about the last answer of a model. */
  finish?: { finishReason?: string; incomplete?: boolean };
}

/** The time since the step began, in ms. */
export const elapsedMs = (step: RunningStep): number => Math.round(performance.now() - step.startedAt);

/** The `execution:step` event of a step of this process. */
export function stepEvent(
  step: Pick<RunningStep, 'node' | 'stepId' | 'attempt' | 'continues' | 'finish'>,
  status: StepStatus,
  extraFields: { output?: Json; error?: string; code?: string; duration?: number; keptThrough?: number } = {},
): EventDraft {
  const { node, stepId, attempt, continues, finish } = step;
  const isOpen = status === 'running' || status === 'waiting';
  return {
    type: 'execution:step',
    fields: {
      step: node.data.label ?? node.id,
      stepId,
      nodeId: node.id,
      nodeType: node.type,
      status,
      attempt,
      ...(status === 'running' && continues !== undefined && { continues }),
      ...(!isOpen && finish),
      ...extraFields,
    },
  };
}

/** The `execution:progress` event of an execution. */
export const progressEvent = (completedSteps: number, totalSteps: number): EventDraft => ({
  type: 'execution:progress',
  fields: { completedSteps, totalSteps, percent: Math.floor((100 * completedSteps) / totalSteps) },
});
