import { Injectable } from '@nestjs/common';
import type { StartExecution, Warning } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { canonicalJson } from '../../common/canonical-json.js';
import { sha256 } from '../../common/sha256.js';
import { credentialWarnings } from '../../definitions/values/value-permission.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import type { NewExecution } from '../executions.repository.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';
import {
  ExecutionInserter,
  type OnceOrigin,
  shownTo,
  type StartedExecution,
  withWarnings,
} from './execution-inserter.js';
import { type GraphCheck, StartResolver } from './start-resolver.js';

/** A request that has been checked and can be inserted. */
export interface PreparedStart {
  readonly execution: NewExecution;
  readonly origin: OnceOrigin;
  /** What the author of the request should know. */
  readonly warnings: readonly Warning[];
}

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
   * @param thread the conversation of a client that the execution belongs to
   * @returns the execution, and whether an earlier request with the same key started it
   * @throws NotFoundError if the project is not the principal's, or has no such saved workflow
   * @throws ValidationFailedError if the workflow cannot run
   * @throws ProblemError 400 `input_invalid`, 403 `workflow_not_allowed`; 422 `idempotency_key_reused` if the key came with
   *   another body; 409 `execution_deleted` if the first execution was deleted
   */
  async start(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
    thread?: ExecutionThread,
  ): Promise<StartedExecution> {
    const prepared = await this.prepare(request, principal, idempotencyKey);
    if (!('origin' in prepared)) return prepared;
    const { origin, warnings } = prepared;
    const execution = { ...prepared.execution, thread };
    return shownTo(principal, withWarnings(await this.inserter.insert(execution, origin), warnings));
  }

  /**
   * Checks a request without starting it. Throws what `start` throws.
   * @param checkGraph called with the graph of the request, or with the saved one that it names
   * @returns what is to be inserted, or the execution that an earlier request with the same key started
   */
  async prepare(
    request: StartExecution,
    principal: Principal,
    idempotencyKey?: string,
    checkGraph?: GraphCheck,
  ): Promise<PreparedStart | StartedExecution> {
    if (!ownsProject(principal, request.projectId)) throw new NotFoundError('project');
    const origin = originOf(request, principal, idempotencyKey);
    const warnings = credentialWarnings(request.workflow);
    // Before the checks: the saved workflow may have been deleted, or an alias moved, since the first request.
    const first = await this.inserter.findFirst(origin);
    if (first) return shownTo(principal, withWarnings(first, warnings));
    return { execution: await this.resolver.resolve(request, principal, checkGraph), origin, warnings };
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
