import { randomUUID } from 'node:crypto';
import type { EventDraft, Workflow } from '@cloutagent/contract';
import type { KeptStep, KeptWork } from '../../database/schema.js';
import { progressEvent } from './step-events.js';

/**
 * Makes the events with which a re-run records the work that it keeps. They follow the first `execution:started` in the
 * same append. The state after them is that of an execution which has run these nodes itself. No usage is recorded.
 * @returns a step for each kept node, its decisions on edges after it, and one `execution:progress`; nothing if no node is
 *   kept
 */
export function keptEvents({ steps, branches }: KeptWork, { nodes }: Workflow): EventDraft[] {
  if (steps.length === 0) return [];
  const decisions = new Map(branches.map((branch) => [branch.nodeId, branch]));
  const events = steps.flatMap((step): EventDraft[] => {
    const stepId = randomUUID();
    const decision = decisions.get(step.nodeId);
    return [
      keptStepEvent(step, stepId),
      ...(decision ? [{ type: 'execution:branch' as const, fields: { ...decision, stepId } }] : []),
    ];
  });
  return [...events, progressEvent(steps.length, nodes.length)];
}

const keptStepEvent = ({ isAnswered: _isAnswered, ...step }: KeptStep, stepId: string): EventDraft => ({
  type: 'execution:step',
  fields: { ...step, stepId, attempt: 1, duration: 0 },
});
