import { ownsProject, type Principal } from '../auth/principal.js';
import { NotFoundError } from '../problems/problem.error.js';

/**
 * Returns the projects whose executions a request may see: the one that it names, or all of the principal's.
 * @returns undefined for all projects
 * @throws NotFoundError if the request names a project that is not the principal's
 */
export function visibleProjects(
  principal: Principal,
  projectId: string | undefined,
): readonly string[] | undefined {
  if (projectId === undefined) return principal.projects.includes('*') ? undefined : principal.projects;
  if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
  return [projectId];
}
