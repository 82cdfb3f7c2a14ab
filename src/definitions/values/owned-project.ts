import { ownsProject, type Principal } from '../../auth/principal.js';
import { NotFoundError } from '../../problems/problem.error.js';

/** @throws NotFoundError if the project is not the principal's */
export function assertOwnsProject(principal: Principal, projectId: string): void {
  if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
}
