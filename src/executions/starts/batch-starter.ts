import { Injectable } from '@nestjs/common';
import { type BatchResult, type BatchResults, StartExecution, type StartBatch } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import type { Principal } from '../../auth/principal.js';
import { Semaphore } from '../../common/semaphore.js';
import { checkIdempotencyKey } from '../../problems/idempotency-key.js';
import {
  DatabaseUnavailableError,
  ProblemError,
  ValidationFailedError,
} from '../../problems/problem.error.js';
import { check } from '../../problems/schema-problems.js';
import { ExecutionStarter } from '../commands/execution-starter.js';
import type { CheckedGraphs } from '../commands/start-resolver.js';

/** Items of a batch that are under way at the same time. Each needs a connection of the pool for a moment. */
const CONCURRENCY = 4;
/** Errors that one item lists. */
const MAX_ERRORS = 20;

/** Starts many executions by one request. */
@Injectable()
export class BatchStarter {
  constructor(private readonly starter: ExecutionStarter) {}

  /**
   * Starts each item of a batch as a request of its own would be. An item that is refused does not stop the others.
   * @throws DatabaseUnavailableError, also if some of the items were started: repeat the request with idempotency keys
   */
  async start({ executions }: StartBatch, principal: Principal): Promise<BatchResults> {
    const slots = new Semaphore(CONCURRENCY);
    const graphs: CheckedGraphs = new Map();
    const results = await Promise.all(
      executions.map(async (item, index) => {
        const slot = await slots.acquire();
        try {
          return await this.startOne(item, index, principal, graphs);
        } finally {
          slot.release();
        }
      }),
    );
    const failed = results.filter(({ problem }) => problem).length;
    return { started: results.length - failed, failed, results };
  }

  private async startOne(
    item: unknown,
    index: number,
    principal: Principal,
    graphs: CheckedGraphs,
  ): Promise<BatchResult> {
    try {
      const { request, idempotencyKey } = read(item);
      const { execution, replayed } = await this.starter.start(request, principal, idempotencyKey, graphs);
      return { index, status: 202, execution, ...(replayed && { replayed }) };
    } catch (error) {
      if (!(error instanceof ProblemError) || error instanceof DatabaseUnavailableError) throw error;
      return { index, status: error.getStatus(), problem: problemOf(error) };
    }
  }
}

/** @throws ValidationFailedError */
function read(item: unknown): { request: StartExecution; idempotencyKey: string | undefined } {
  const { idempotencyKey, ...body } = (typeof item === 'object' && item !== null ? item : {}) as Record<
    string,
    unknown
  >;
  const { data, problems } = check(StartExecution, typeof item === 'object' && item !== null ? body : item);
  if (problems)
    throw new ValidationFailedError(
      problems.map(({ path, message }) => ({ path: path.join('.'), message })).slice(0, MAX_ERRORS),
    );
  if (idempotencyKey !== undefined && typeof idempotencyKey !== 'string')
    throw new ValidationFailedError([{ path: 'idempotencyKey', message: 'must be text' }]);
  return { request: data, idempotencyKey: checkIdempotencyKey(idempotencyKey) };
}

const problemOf = (error: ProblemError): NonNullable<BatchResult['problem']> => ({
  type: 'about:blank',
  title: STATUS_CODES[error.getStatus()] ?? 'Error',
  status: error.getStatus(),
  detail: error.message,
  code: error.code,
  ...(error.extra.errors && { errors: error.extra.errors }),
});
