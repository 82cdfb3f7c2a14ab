import { Injectable } from '@nestjs/common';
import {
  outlineOf,
  ProjectId,
  StartExecution,
  type ValidatedExecution,
  type Warning,
  Workflow,
} from '@cloutagent/contract';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { credentialWarnings } from '../../definitions/values/value-permission.js';
import { WorkflowValidator } from '../../definitions/workflow-validator.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import { checkAsync, MAX_PROBLEMS } from '../../problems/schema-problems.js';
import { StartResolver } from '../commands/start-resolver.js';

type FoundProblem = ValidatedExecution['problems'][number];

/** Finds everything that would be wrong with a start, without starting anything. */
@Injectable()
export class StartValidator {
  constructor(
    private readonly resolver: StartResolver,
    private readonly workflows: WorkflowValidator,
  ) {}

  /**
   * Checks the body of a start as the start itself would. What would refuse it is a problem of the answer.
   * @param body any JSON value; undefined if the request has no body
   * @throws NotFoundError if the project is not the principal's
   * @throws ProblemError 503 `no_worker_free`
   */
  async validate(body: unknown, principal: Principal): Promise<ValidatedExecution> {
    checkProject(body, principal);
    const { data: request, problems } = await checkAsync(StartExecution, body);
    if (problems)
      return answer({
        problems: problems.map(({ path, message }) => ({
          path: path.map(String).join('.'),
          message,
          code: 'validation_failed',
        })),
        workflow: postedWorkflow(body),
      });
    return this.check(request, principal);
  }

  private async check(request: StartExecution, principal: Principal): Promise<ValidatedExecution> {
    const problems: FoundProblem[] = [];
    let { workflow } = request;
    const warnings = credentialWarnings(workflow);
    try {
      await this.resolver.resolve(request, principal, async (execution) => {
        ({ workflow } = execution);
        problems.push(...(await this.workflows.find(execution)));
      });
    } catch (error) {
      // A refusal is an answer to the question. Anything else means that the question could not be answered.
      if (!(error instanceof ProblemError) || error.getStatus() >= 500) throw error;
      problems.push(...problemsOf(error));
    }
    return answer({ problems, warnings, workflow });
  }
}

/** @throws NotFoundError also for a body that the schema refuses */
function checkProject(body: unknown, principal: Principal): void {
  const { data: projectId } = ProjectId.safeParse(
    (body as { projectId?: unknown } | null | undefined)?.projectId,
  );
  if (projectId !== undefined && !ownsProject(principal, projectId)) throw new NotFoundError('project');
}

/** Returns the workflow of a body that the schema refuses, if the workflow itself can be read. */
const postedWorkflow = (body: unknown): Workflow | undefined =>
  Workflow.safeParse((body as { workflow?: unknown } | null | undefined)?.workflow).data;

/** Only the saved workflow can be missing: the project has been found. */
function problemsOf({ code, message, extra: { errors } }: ProblemError): FoundProblem[] {
  if (errors) return errors.map((error) => ({ ...error, code }));
  return [{ path: code === 'not_found' ? 'workflowRef' : '', message, code }];
}

const answer = ({
  problems,
  warnings = [],
  workflow,
}: {
  problems: FoundProblem[];
  warnings?: readonly Warning[];
  workflow: Workflow | undefined;
}): ValidatedExecution => ({
  valid: problems.length === 0,
  problems: problems.slice(0, MAX_PROBLEMS),
  warnings: [...warnings],
  ...(workflow && { graph: outlineOf(workflow) }),
});
