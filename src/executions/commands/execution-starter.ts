import { Injectable } from '@nestjs/common';
import { type Execution, initialState, type StartExecution } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { sha256 } from '../../common/sha256.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import { type ExecutionRow, toExecution } from '../../engine/execution-row.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { WorkflowValidator } from './workflow-validator.js';

const UNIQUE_VIOLATION = '23505';

/** Starts executions. */
@Injectable()
export class ExecutionStarter {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly reader: ExecutionReader,
    private readonly dispatcher: Dispatcher,
    private readonly workflows: WorkflowValidator,
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
  ): Promise<{ execution: Execution; replayed: boolean }> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    await this.workflows.check(request);
    const requestHash = sha256(JSON.stringify(request)).toString('hex');
    const findFirst = async () =>
      idempotencyKey === undefined
        ? undefined
        : this.findStarted(request, requestHash, principal, idempotencyKey);
    const first = await findFirst();
    if (first) return { execution: first, replayed: true };
    try {
      const origin = { createdBy: principal.id, idempotencyKey, requestHash };
      const row = await this.repository.insert(request, origin);
      this.dispatcher.notifyQueued();
      return { execution: toExecution(row, initialState()), replayed: false };
    } catch (error) {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      // A request with the same key was inserted at the same time.
      const winner = await findFirst();
      if (!winner) throw error;
      return { execution: winner, replayed: true };
    }
  }

  private async findStarted(
    request: StartExecution,
    requestHash: string,
    principal: Principal,
    key: string,
  ): Promise<Execution | undefined> {
    const row = await this.repository.findByIdempotencyKey(request.projectId, principal.id, key);
    if (!row) return undefined;
    if (row.request_hash !== requestHash && !isStartedBy(row, request)) {
      throw new ProblemError(
        'idempotency_key_reused',
        'This Idempotency-Key was already used with another body. Use a new key for a new request.',
      );
    }
    return this.reader.show(row);
  }
}

/** Checks whether a request is equivalent to the one that started an execution. The order of members does not count. */
function isStartedBy(row: ExecutionRow, request: StartExecution): boolean {
  const { project_id, input, workflow, options, tags } = row;
  // As the database has it: without members that are undefined.
  const sent = JSON.parse(JSON.stringify(request)) as StartExecution;
  return isDeepStrictEqual(
    { ...sent, options: sent.options ?? {} },
    { projectId: project_id, input, workflow, options, tags },
  );
}
