import type { Principal } from '../../auth/principal.js';
import { ProblemError } from '../../problems/problem.error.js';

/**
 * Checks that a principal may answer a wait.
 * @param assignees ids of principals; null if the wait names none, so that every principal that may control the execution
 *   may answer
 * @throws ProblemError 403 `not_assigned`
 */
export function checkAssigned(assignees: readonly string[] | null, principal: Principal): void {
  if (assignees === null || assignees.includes(principal.id)) return;
  if (!principal.scopes.includes('waits:answer-any')) throw new ProblemError('not_assigned');
}
