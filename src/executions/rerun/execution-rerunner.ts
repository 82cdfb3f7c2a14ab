import { Injectable } from '@nestjs/common';
import type { RerunExecution, WorkflowVersionRef } from '@cloutagent/contract';
import { isDeepStrictEqual } from 'node:util';
import type { Principal } from '../../auth/principal.js';
import { canonicalJson } from '../../common/canonical-json.js';
import { sha256 } from '../../common/sha256.js';
import type { KeptWork } from '../../database/schema.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { credentialWarnings, ValuePermission } from '../../definitions/values/value-permission.js';
import { ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import {
  ExecutionInserter,
  type OnceOrigin,
  shownTo,
  type StartedExecution,
  withWarnings,
} from '../commands/execution-inserter.js';
import { withoutContent } from '../shown-execution.js';
import { StartPermission } from '../commands/start-permission.js';
import { StartResolver } from '../commands/start-resolver.js';
import { WorkflowValidator } from '../../definitions/workflow-validator.js';
import type { NewExecution } from '../executions.repository.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { isSameWorkflow } from './kept-nodes.js';
import { KeptWorkReader } from './kept-work-reader.js';

/** Runs executions that have ended again, without the work that is done. */
@Injectable()
export class ExecutionRerunner {
  constructor(
    private readonly reader: ExecutionReader,
    private readonly inserter: ExecutionInserter,
    private readonly workflows: WorkflowValidator,
    private readonly permission: StartPermission,
    private readonly resolver: StartResolver,
    private readonly keptWork: KeptWorkReader,
    private readonly values: ValuePermission,
    private readonly redactors: ExecutionRedactors,
  ) {}

  /**
   * Queues a new execution that keeps completed work of another one. It has the project and the tags of that execution. Of
   * a child execution it makes a root.
   * @param idempotencyKey a repeated key with an equivalent body starts nothing and returns the first execution
   * @returns the new execution, and whether an earlier request with the same key made it
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ValidationFailedError if the workflow cannot run, `from` names an unknown node, or no node would run
   * @throws ProblemError 400 `input_invalid`, 400 `secret_unknown`, 403 `workflow_not_allowed`, 403 `secret_not_allowed`,
   *   409 `execution_not_ended`, 422 `idempotency_key_reused`
   */
  async rerun(
    executionId: string,
    request: RerunExecution,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<StartedExecution> {
    const old = await this.reader.find(executionId, principal);
    const requestHash = sha256(canonicalJson({ rerunOf: old.id, request })).toString('hex');
    const origin: OnceOrigin = {
      projectId: old.project_id,
      createdBy: principal.id,
      idempotencyKey,
      requestHash,
      isRequestOf: (row) => row.request_hash === requestHash,
    };
    const first = await this.inserter.findFirst(origin);
    if (first) return answerTo(principal, request, first);
    if (!old.completed_at) throw new ProblemError('execution_not_ended');

    const savedAs = request.workflow || old.workflow_name === null ? undefined : savedAsOf(old);
    const started: NewExecution = {
      projectId: old.project_id,
      input: request.input === undefined ? old.input : request.input,
      workflow: request.workflow ?? old.workflow,
      options: request.options ?? old.options,
      tags: old.tags,
      ...(savedAs && { savedAs }),
    };
    const { projectId, options } = started;
    await this.permission.check(principal, { projectId, saved: savedAs, options });
    await this.workflows.check(started);
    if (request.input !== undefined) await this.resolver.checkNewInput(started);
    await this.values.check(started, started.savedAs ? undefined : principal);
    const kept = await this.keep(old, started, request.from);
    const made = await this.inserter.insertRerun(started, origin, { rerunOf: old.id, kept });
    return answerTo(principal, request, withWarnings(made, credentialWarnings(request.workflow)));
  }

  private async keep(
    old: ExecutionRow,
    { input, workflow }: NewExecution,
    from: RerunExecution['from'],
  ): Promise<KeptWork> {
    checkNodes(from, workflow);
    const hasOtherInput = !isDeepStrictEqual(input, old.input);
    const kept = await this.keptWork.read(old, {
      workflow,
      from: from ?? 'failed',
      isChanged: hasOtherInput || !isSameWorkflow(old.workflow, workflow),
      // With another input it makes sense to run an execution again in which nothing failed.
      restarts: from === undefined && hasOtherInput,
    });
    if (old.status === 'completed' && kept.steps.length === workflow.nodes.length) throw nothingToRun();
    if (old.secret_versions.length === 0) return kept;
    // It may have recorded a value before it used the secret.
    return (await this.redactors.withVersions(old.secret_versions)).value(kept);
  }
}

/** Leaves out what a caller without the scope `executions:read` may not see, also the input of the execution that is run again. */
function answerTo(principal: Principal, { input }: RerunExecution, made: StartedExecution): StartedExecution {
  const shown = shownTo(principal, made);
  return input === undefined ? { ...shown, execution: withoutContent(principal, shown.execution) } : shown;
}

/** The version of a saved workflow that an execution runs. */
const savedAsOf = (row: ExecutionRow): WorkflowVersionRef => ({
  name: row.workflow_name!,
  version: row.workflow_version!,
});

/** @throws ValidationFailedError with the path of each unknown node */
function checkNodes(from: RerunExecution['from'], workflow: NewExecution['workflow']): void {
  if (from === undefined || from === 'failed') return;
  const known = new Set(workflow.nodes.map(({ id }) => id));
  const errors = from.flatMap((id, index) =>
    known.has(id) ? [] : [{ path: `from.${index}`, message: `there is no node "${id}"` }],
  );
  if (errors.length > 0) throw new ValidationFailedError(errors);
}

const nothingToRun = (): ValidationFailedError =>
  new ValidationFailedError([
    {
      path: 'from',
      message:
        'no node of this execution failed or was cut off, so nothing would run again: name the nodes to run again',
    },
  ]);
