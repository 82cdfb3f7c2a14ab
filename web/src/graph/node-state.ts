import type { OpenWait, Step } from '@cloutagent/contract';
import { counted } from '../ui/quantity.js';

/** The state of a node as the graph shows it. */
export interface NodeState {
  /** `idle`: not started; `approval`: waits for a person. */
  status: Step['status'] | 'idle' | 'approval';
  /** The status in words. */
  label: string;
  detail: string | null;
}

const IDLE: NodeState = { status: 'idle', label: 'not started', detail: null };
const NOT_RUN: NodeState = { ...IDLE, label: 'did not run' };

interface NodeFacts {
  /** The node's last step; undefined if it has not started. */
  step: Step | undefined;
  /** The open waits of the node. */
  waits: readonly OpenWait[];
  /** Whether the execution has ended, so that the node will not start any more. */
  ended: boolean;
}

/** Returns the state of a node. */
export function nodeState({ step, waits, ended }: NodeFacts, durationOf: (ms: number) => string): NodeState {
  // What a person decides comes before what ends by itself.
  const wait = waits.find(({ kind }) => BY_PERSON.has(kind)) ?? waits[0];
  if (!step && !wait) return ended ? NOT_RUN : IDLE;
  const tries = step && step.attempt > 1 ? `attempt ${step.attempt}` : null;
  if (wait) return { ...waitState(wait, waits), detail: tries };
  if (!step) return IDLE;
  const { status, duration, reusedFrom, incomplete } = step;
  if (status === 'skipped') return { status, label: 'skipped', detail: null };
  if (reusedFrom !== undefined) return { status, label: 'kept', detail: null };
  const took = duration === undefined ? null : durationOf(duration);
  const cut = status === 'completed' && incomplete === true && 'answer cut off';
  return { status, label: status, detail: [tries, took, cut].filter(Boolean).join(' · ') || null };
}

const BY_PERSON: ReadonlySet<OpenWait['kind']> = new Set(['approval', 'tool', 'failure']);

function waitState(
  { kind, children }: OpenWait,
  waits: readonly OpenWait[],
): Pick<NodeState, 'status' | 'label'> {
  switch (kind) {
    case 'approval':
    case 'tool': {
      const approvals = waits.filter((wait) => wait.kind === kind).length;
      return {
        status: 'approval',
        label: approvals > 1 ? `needs ${counted(approvals, 'approval')}` : 'needs approval',
      };
    }
    case 'failure':
      return { status: 'approval', label: 'needs a decision' };
    case 'signal':
      return { status: 'waiting', label: 'waits for signal' };
    case 'children':
      return {
        status: 'waiting',
        label: children ? counted(children.count, 'child', 'children') : 'waiting',
      };
    case 'timer':
      return { status: 'waiting', label: 'waits' };
  }
}
