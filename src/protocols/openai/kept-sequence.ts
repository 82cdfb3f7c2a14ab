import type { ExecutionEventOf } from '@cloutagent/contract';

/** What is known of the attempts of a node that has not ended. Plain data, as the state of a format has to be. */
export interface NodeAttempts {
  /** The present step. */
  stepId: string | undefined;
  /** The events of the node up to here are part of the work that the present step continues. */
  start: number;
  /** The newest step that has kept work, and up to which sequence. */
  keptStepId: string | undefined;
  keptThrough: number;
}

/** The attempts of a node that has just begun. */
export const newAttempts = (): NodeAttempts => ({
  stepId: undefined,
  start: 0,
  keptStepId: undefined,
  keptThrough: 0,
});

/**
 * Returns the sequence up to which the earlier events of a node stay valid, and notes the step. It does what `KeptWork` of
 * the contract does, for one node and on plain data.
 */
export function validThrough(node: NodeAttempts, event: ExecutionEventOf<'execution:step'>): number {
  const { stepId, status, continues, keptThrough } = event;
  const isKnown = node.stepId === stepId;
  if (!isKnown) {
    node.stepId = stepId;
    node.start = continues !== undefined && continues === node.keptStepId ? node.keptThrough : 0;
  }
  if (status !== 'retrying') return isKnown ? Infinity : node.start;
  if (keptThrough === undefined) return node.start;
  node.keptStepId = stepId;
  node.keptThrough = Math.max(node.start, keptThrough);
  return node.keptThrough;
}
