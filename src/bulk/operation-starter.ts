import { Inject, Injectable } from '@nestjs/common';
import type { StartOperation } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../auth/principal.js';
import { canonicalJson } from '../common/canonical-json.js';
import { sha256 } from '../common/sha256.js';
import { Settings } from '../config/settings.js';
import { NotFoundError, ProblemError, ValidationFailedError } from '../problems/problem.error.js';
import { checkMayStart } from './operation-access.js';
import { OperationWorker } from './operation-worker.js';
import { type OperationRow, OperationsRepository, TooManyExecutionsError } from './operations.repository.js';

const UNIQUE_VIOLATION = '23505';

/** Starts operations on many executions. */
@Injectable()
export class OperationStarter {
  constructor(
    private readonly repository: OperationsRepository,
    private readonly worker: OperationWorker,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_EXECUTIONS_PER_OPERATION'>,
  ) {}

  /**
   * Starts an operation on the root executions that the filter selects now.
   * @param idempotencyKey a repeated key with an equivalent body starts nothing and returns the first operation
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the filter selects more than MAX_EXECUTIONS_PER_OPERATION
   * @throws ProblemError 403 `insufficient_scope`, 422 `idempotency_key_reused`
   */
  async start(
    request: StartOperation,
    principal: Principal,
    idempotencyKey: string | undefined,
  ): Promise<{ operation: OperationRow; replayed: boolean }> {
    checkMayStart(request.action, principal);
    if (!ownsProject(principal, request.filter.projectId)) throw new NotFoundError('project');
    check(request);
    const requestHash = sha256(canonicalJson(request));
    const first = await this.findFirst(request, principal, idempotencyKey, requestHash);
    if (first) return { operation: first, replayed: true };
    try {
      const maxExecutions = this.settings.MAX_EXECUTIONS_PER_OPERATION;
      const operation = await this.repository.insert({
        request,
        principal,
        idempotencyKey,
        requestHash,
        maxExecutions,
      });
      this.worker.wake();
      return { operation, replayed: false };
    } catch (error) {
      if (error instanceof TooManyExecutionsError) throw this.tooMany();
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      const other = await this.findFirst(request, principal, idempotencyKey, requestHash);
      if (!other) throw error;
      return { operation: other, replayed: true };
    }
  }

  private async findFirst(
    { filter }: StartOperation,
    principal: Principal,
    key: string | undefined,
    requestHash: Buffer,
  ): Promise<OperationRow | undefined> {
    if (key === undefined) return undefined;
    const row = await this.repository.findByIdempotencyKey(filter.projectId, principal.id, key);
    if (row && !row.request_hash.equals(requestHash)) throw new ProblemError('idempotency_key_reused');
    return row;
  }

  private tooMany(): ValidationFailedError {
    const { MAX_EXECUTIONS_PER_OPERATION: max } = this.settings;
    const message = `selects more than ${max} executions (MAX_EXECUTIONS_PER_OPERATION): narrow it, for example by time`;
    return new ValidationFailedError([{ path: 'filter', message }]);
  }
}

/** @throws ValidationFailedError */
function check({ action, reason }: StartOperation): void {
  if (action === 'rerun' && reason !== undefined)
    throw new ValidationFailedError([
      { path: 'reason', message: 'is only for the action cancel: leave it out' },
    ]);
}
