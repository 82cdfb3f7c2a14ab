import { ownsProject, type Principal } from '../auth/principal.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';

/** @throws NotFoundError unless the principal has access to the project */
export function checkProject(principal: Principal, projectId: string): void {
  if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
}

/**
 * Checks that a principal may let a schedule or a trigger start executions in a project.
 * @throws NotFoundError if the project is not the principal's
 * @throws ProblemError 403 `insufficient_scope`, 403 `workflow_not_allowed` if its key is limited to some workflows
 */
export function checkMayStart(principal: Principal, projectId: string): void {
  checkProject(principal, projectId);
  if (!principal.scopes.includes('executions:write'))
    throw new ProblemError(
      'insufficient_scope',
      'This starts executions, so it also requires the scope executions:write, which your credential does not have.',
    );
  if (principal.workflows) throw new ProblemError('workflow_not_allowed');
}
