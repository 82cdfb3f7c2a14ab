import { Injectable } from '@nestjs/common';
import {
  outlineOf,
  StartExecution,
  type ValidatedExecution,
  type Warning,
  Workflow,
} from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { credentialWarnings } from '../../definitions/values/value-permission.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import { check } from '../../problems/schema-problems.js';
import { StartResolver } from '../commands/start-resolver.js';

const MAX_PROBLEMS = 100;

/** Says what would be wrong with a start, without starting anything. */
@Injectable()
export class StartValidator {
  constructor(private readonly resolver: StartResolver) {}

  /**
   * Checks the body of a start.
   * @param body as the caller sent it
   * @throws NotFoundError if the project is not the principal's
   * @throws ProblemError 503 `no_worker_free`
   */
  async validate(body: unknown, principal: Principal): Promise<ValidatedExecution> {
    const checked = check(StartExecution, body);
    if (checked.problems)
      return {
        valid: false,
        problems: checked.problems
          .slice(0, MAX_PROBLEMS)
          .map(({ path, message }) => ({ path: path.join('.'), message, code: 'validation_failed' })),
        warnings: [],
        ...graphOf(body),
      };
    const request = checked.data;
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    try {
      const { workflow } = await this.resolver.resolve(request, principal);
      return { valid: true, problems: [], warnings: warningsOf(request), graph: outlineOf(workflow) };
    } catch (error) {
      if (!(error instanceof ProblemError) || error.getStatus() >= 500) throw error;
      const { code, message, extra } = error;
      const path = code === 'not_found' ? 'workflowRef' : '';
      const problems = extra.errors ?? [{ path, message }];
      return {
        valid: false,
        problems: problems.map((problem) => ({ ...problem, code })),
        warnings: warningsOf(request),
        ...graphOf(request),
      };
    }
  }
}

/** Warns about the graph that the body has. The author of a saved workflow was warned when it was saved. */
const warningsOf = ({ workflow }: StartExecution): Warning[] =>
  workflow ? credentialWarnings(workflow) : [];

/** Returns the graph of a body if it can be drawn. */
function graphOf(body: unknown): Pick<ValidatedExecution, 'graph'> {
  const given = (body as { workflow?: unknown } | null)?.workflow;
  const { data } = given === undefined || given === null ? {} : Workflow.safeParse(given);
  return data ? { graph: outlineOf(data) } : {};
}
