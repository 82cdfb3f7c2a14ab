import type { Step } from '@cloutagent/contract';

/** The state of a node as the graph shows it. */
export interface NodeState {
  /** `waiting`: not started; `approval`: waits for a decision. */
  status: Step['status'] | 'waiting' | 'approval';
  /** The status in words. */
  label: string;
  detail: string | null;
}

const WAITING: NodeState = { status: 'waiting', label: 'not started', detail: null };
const NOT_RUN: NodeState = { ...WAITING, label: 'did not run' };

/**
 * Returns the state of a node.
 * @param step the node's last step; undefined if it has not started
 * @param ended whether the execution has ended, so that the node will not start any more
 */
export function nodeState(
  step: Step | undefined,
  ended: boolean,
  durationOf: (ms: number) => string,
): NodeState {
  if (!step) return ended ? NOT_RUN : WAITING;
  const { status, nodeType, attempt, duration } = step;
  const tries = attempt > 1 ? `attempt ${attempt}` : null;
  if (status === 'running' && nodeType === 'approval')
    return { status: 'approval', label: 'needs approval', detail: tries };
  const took = duration === undefined ? null : durationOf(duration);
  return { status, label: status, detail: [tries, took].filter(Boolean).join(' · ') || null };
}
