import { Injectable } from '@nestjs/common';
import { type StartExecution, type Warning } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { sha256 } from '../../common/sha256.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { SavedWorkflows } from '../../definitions/saved-workflows.js';
import type { NewExecution } from '../executions.repository.js';
import { ExecutionInserter, type OnceOrigin, type StartedExecution } from './execution-inserter.js';
import { WorkflowValidator } from './workflow-validator.js';

/** A request that has been checked and can be inserted. */
export interface PreparedStart {
  readonly execution: NewExecution;
  readonly origin: OnceOrigin;
  /** What the author of the request should know. */
  readonly warnings: readonly Warning[];
}

/** Checks the workflow of a request, and throws if it cannot run. */
export type WorkflowCheck = (execution: NewExecution) => Promise<void>;

/** Adds the warnings of a request to its answer. */
export const withWarnings = (
  { execution, replayed }: StartedExecution,
  warnings: readonly Warning[],
): StartedExecution => ({
  execution: warnings.length === 0 ? execution : { ...execution, warnings: [...warnings] },
  replayed,
});

/** Starts executions. */
@Injectable()
export class ExecutionStarter {
  constructor(
    private readonly inserter: ExecutionInserter,
    private readonly workflows: WorkflowValidator,
    private readonly saved: SavedWorkflows,
  ) {}

  /**
   * Queues an execution.
   * @param idempotencyKey a repeated key with an equivalent body starts nothing and returns the first execution
   * @returns the execution, and whether an earlier request with the same key started it
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the workflow cannot run
   * @throws ProblemError 422 `idempotency_key_reused` if the key came with another body
   */
  async start(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<StartedExecution> {
    const { execution, origin, warnings } = await this.prepare(request, principal, idempotencyKey);
    const started =
      (await this.inserter.findFirst(origin)) ?? (await this.inserter.insert(execution, origin));
    return withWarnings(started, warnings);
  }

  /**
   * Checks a request without starting it. Throws what `start` throws, except for a reused key.
   * @param checkWorkflow called with the workflow of the request, or with the saved one that it names
   */
  async prepare(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
    checkWorkflow: WorkflowCheck = (execution) => this.workflows.check(execution),
  ): Promise<PreparedStart> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    const execution = await this.resolve(request);
    await checkWorkflow(execution);
    const requestHash = sha256(JSON.stringify(request)).toString('hex');
    const origin: OnceOrigin = {
      projectId: request.projectId,
      createdBy: principal.id,
      idempotencyKey,
      requestHash,
      isRequestOf: (row) => row.request_hash === requestHash || isStartedBy(row, request),
    };
    return { execution, origin, warnings: [] };
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
