import { Injectable } from '@nestjs/common';
import { PROBLEM_CODES } from '@cloutagent/contract';
import { PrincipalValidity } from '../auth/principal-validity.js';
import type { Principal } from '../auth/principal.js';
import { ExecutionControl } from '../executions/commands/execution-control.js';
import { ExecutionRerunner } from '../executions/rerun/execution-rerunner.js';
import { Logger } from '../logging/logger.js';
import { isDatabaseOutage } from '../problems/database-outage.js';
import { ProblemError } from '../problems/problem.error.js';
import type { ItemOutcome } from './operation-queue.js';
import type { OperationRow } from './operations.repository.js';

const SERVER_ERROR = 500;

/** Acts on single executions of an operation, on behalf of the principal that started it. */
@Injectable()
export class OperationAction {
  private readonly logger = new Logger(OperationAction.name);

  constructor(
    private readonly control: ExecutionControl,
    private readonly rerunner: ExecutionRerunner,
    private readonly validity: PrincipalValidity,
  ) {}

  /** Whether the credential that started the operation is still valid. */
  isAllowed(operation: OperationRow): Promise<boolean> {
    return this.validity.isValid(operation.principal as Principal);
  }

  /**
   * Cancels the execution or runs it again. Doing so twice has the effect of once.
   * @throws the error of a server or database that cannot process it now: it must be tried again
   */
  async perform(operation: OperationRow, executionId: string): Promise<ItemOutcome> {
    try {
      await this.act(operation, executionId);
      return { executionId, failure: undefined };
    } catch (error) {
      if (isTemporary(error)) throw error;
      if (error instanceof ProblemError)
        return { executionId, failure: { code: error.code, message: messageOf(error) } };
      this.logger.error(`operation ${operation.id} failed for an execution: ${String(error)}`, {
        executionId,
      });
      return {
        executionId,
        failure: { code: 'internal_error', message: PROBLEM_CODES.internal_error.text },
      };
    }
  }

  private async act({ id, action, principal, reason }: OperationRow, executionId: string): Promise<void> {
    const caller = principal as Principal;
    if (action === 'cancel') await this.control.request(executionId, 'cancel', caller, reason);
    else await this.rerunner.rerun(executionId, {}, caller, `operation:${id}:${executionId}`);
  }
}

const isTemporary = (error: unknown): boolean =>
  isDatabaseOutage(error) ||
  (error instanceof ProblemError && PROBLEM_CODES[error.code].status > SERVER_ERROR);

/** A validation error names the paths that are wrong. */
const messageOf = ({ message, extra: { errors = [] } }: ProblemError): string =>
  [message, ...errors.map((error) => `${error.path}: ${error.message}`)].join(' ');
