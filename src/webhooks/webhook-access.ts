import { ownsProject, type Principal } from '../auth/principal.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';

/** @throws NotFoundError if the project is not the principal's */
export function checkProject(principal: Principal, projectId: string, resource: string): void {
  if (!ownsProject(principal, projectId)) throw new NotFoundError(resource);
}

/**
 * Checks that a principal may have the events of a project sent, or see them in the log.
 * @throws NotFoundError if the project is not the principal's
 * @throws ProblemError 403 `insufficient_scope`, 403 `workflow_not_allowed` if its key is limited to some workflows
 */
export function checkMayReceive(principal: Principal, projectId: string, resource: string): void {
  checkProject(principal, projectId, resource);
  if (!principal.scopes.includes('executions:read'))
    throw new ProblemError(
      'insufficient_scope',
      'This sends or shows events of executions, so it also requires the scope executions:read, which your credential does not have.',
    );
  if (principal.workflows)
    throw new ProblemError(
      'workflow_not_allowed',
      'Your key is limited to saved workflows, and a webhook outlives its key. Use a key without this limit.',
    );
}
