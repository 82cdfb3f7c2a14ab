import { Injectable } from '@nestjs/common';
import { type StartExecution } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { sha256 } from '../../common/sha256.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { SavedWorkflows } from '../../definitions/saved-workflows.js';
import { ValuePermission, withWarnings } from '../../definitions/values/value-permission.js';
import type { NewExecution } from '../executions.repository.js';
import { ExecutionInserter, type OnceOrigin, type StartedExecution } from './execution-inserter.js';
import { WorkflowValidator } from './workflow-validator.js';

/** Starts executions. */
@Injectable()
export class ExecutionStarter {
  constructor(
    private readonly inserter: ExecutionInserter,
    private readonly workflows: WorkflowValidator,
    private readonly saved: SavedWorkflows,
    private readonly values: ValuePermission,
  ) {}

  /**
   * Queues an execution.
   * @param idempotencyKey a repeated key with an equivalent body starts nothing and returns the first execution
   * @returns the execution, and whether an earlier request with the same key started it
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the workflow cannot run
   * @throws ProblemError 403 `secret_not_allowed`, 400 `secret_unknown`
   * @throws ProblemError 422 `idempotency_key_reused` if the key came with another body
   */
  async start(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<StartedExecution> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    const started = await this.resolve(request);
    await this.workflows.check(started);
    await this.values.check(started, started.savedAs ? undefined : principal);
    const requestHash = sha256(JSON.stringify(request)).toString('hex');
    const origin: OnceOrigin = {
      projectId: request.projectId,
      createdBy: principal.id,
      idempotencyKey,
      requestHash,
      isRequestOf: (row) => row.request_hash === requestHash || isStartedBy(row, request),
    };
    const { execution, replayed } =
      (await this.inserter.findFirst(origin)) ?? (await this.inserter.insert(started, origin));
    return { execution: withWarnings(execution, request.workflow), replayed };
  }

  /** Reads the saved workflow that a request names. */
  private async resolve({ workflow, workflowRef, ...rest }: StartExecution): Promise<NewExecution> {
    if (workflow) return { ...rest, workflow };
    const saved = await this.saved.find(rest.projectId, workflowRef!);
    return {
      ...rest,
      workflow: saved.workflow,
      options: rest.options ?? saved.options,
      savedAs: { name: saved.name, version: saved.version },
    };
  }
}

/** Checks whether a request is equivalent to the one that started an execution. The order of members does not count. */
function isStartedBy(row: ExecutionRow, request: StartExecution): boolean {
  const { project_id, input, workflow, options, tags } = row;
  // As the database has it: without members that are undefined.
  const sent = JSON.parse(JSON.stringify(request)) as StartExecution;
  return (
    row.rerun_of === null &&
    isDeepStrictEqual(
      { ...sent, options: sent.options ?? {} },
      { projectId: project_id, input, workflow, options, tags },
    )
  );
}
