import type { Step } from '@cloutagent/contract';

/** What the graph shows of a node. */
export interface NodeState {
  /** `waiting`: not begun; `approval`: a person must decide. */
  status: Step['status'] | 'waiting' | 'approval';
  /** In words. */
  label: string;
  detail: string | null;
}

const WAITING: NodeState = { status: 'waiting', label: 'not started', detail: null };
const LEFT: NodeState = { ...WAITING, label: 'did not run' };

/**
 * The state of a node, of its last step.
 * @param ended whether its execution has: a node that has not started will not
 */
export function nodeState(
  step: Step | undefined,
  ended: boolean,
  durationOf: (ms: number) => string,
): NodeState {
  if (!step) return ended ? LEFT : WAITING;
  const { status, nodeType, attempt, duration } = step;
  const tries = attempt > 1 ? `attempt ${attempt}` : null;
  if (status === 'running' && nodeType === 'approval')
    return { status: 'approval', label: 'needs approval', detail: tries };
  const took = duration === undefined ? null : durationOf(duration);
  return { status, label: status, detail: [tries, took].filter(Boolean).join(' · ') || null };
}
