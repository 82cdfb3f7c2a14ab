import type { EventDraft, Json, StepStatus, WorkflowNode } from '@cloutagent/contract';

/** A step that has begun and not yet ended, in this process. */
export interface OpenStep {
  node: WorkflowNode;
  stepId: string;
  attempt: number;
  startedAt: number;
}

/** ms since the step began. */
export const elapsed = (step: OpenStep): number => Math.round(performance.now() - step.startedAt);

/** Who asked for something, and why, as far as they said. */
export const attribution = (by: string | null, reason: string | null) => ({
  ...(reason !== null && { reason }),
  ...(by !== null && { by }),
});

/** `execution:step` of a step that is under way here. */
export function stepEvent(
  step: OpenStep,
  status: StepStatus,
  more: { output?: Json; error?: string; duration?: number } = {},
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
      ...more,
    },
  };
}
