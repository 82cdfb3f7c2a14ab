import { Injectable } from '@nestjs/common';
import type { StartExecution } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { canonicalJson } from '../../common/canonical-json.js';
import { sha256 } from '../../common/sha256.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { ExecutionInserter, type OnceOrigin, type StartedExecution } from './execution-inserter.js';
import { type CheckedGraphs, StartResolver } from './start-resolver.js';

/** Starts executions. */
@Injectable()
export class ExecutionStarter {
  constructor(
    private readonly inserter: ExecutionInserter,
    private readonly resolver: StartResolver,
  ) {}

  /**
   * Queues an execution.
   * @param idempotencyKey a repeated key with an equivalent body starts nothing and returns the first execution
   * @param graphs of the batch that the request is a part of
   * @returns the execution, and whether an earlier request with the same key started it
   * @throws NotFoundError if the project is not the principal's, or has no such saved workflow
   * @throws ValidationFailedError if the workflow cannot run
   * @throws ProblemError 400 `input_invalid`, 403 `workflow_not_allowed`; 422 `idempotency_key_reused` if the key came with
   *   another body
   */
  async start(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
    graphs?: CheckedGraphs,
  ): Promise<StartedExecution> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    const origin = originOf(request, principal, idempotencyKey);
    // Before the checks: the saved workflow may have been deleted, or an alias moved, since the first request.
    const first = await this.inserter.findFirst(origin);
    return first ?? this.inserter.insert(await this.resolver.resolve(request, principal, graphs), origin);
  }
}

function originOf(
  request: StartExecution,
  principal: Principal,
  idempotencyKey: string | undefined,
): OnceOrigin {
  // The hash of a graph is that of earlier releases, whose executions may be repeated too.
  const text = request.workflowRef === undefined ? JSON.stringify(request) : canonicalJson(request);
  const requestHash = sha256(text).toString('hex');
  return {
    projectId: request.projectId,
    createdBy: principal.id,
    idempotencyKey,
    requestHash,
    isRequestOf: (row) => row.request_hash === requestHash || isStartedBy(row, request),
  };
}

/** Checks whether a request with a graph is equivalent to the one that started an execution. The order of members does not count. */
function isStartedBy(row: ExecutionRow, request: StartExecution): boolean {
  const { project_id, input, workflow, options, tags, start_at } = row;
  // As the database has it: without members that are undefined.
  const { startAt, ...sent } = JSON.parse(JSON.stringify(request)) as StartExecution;
  return (
    row.rerun_of === null &&
    row.workflow_name === null &&
    (startAt === undefined ? start_at === null : start_at?.getTime() === Date.parse(startAt)) &&
    isDeepStrictEqual(
      { ...sent, options: sent.options ?? {} },
      { projectId: project_id, input, workflow, options, tags },
    )
  );
}
