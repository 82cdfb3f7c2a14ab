import { Injectable } from '@nestjs/common';
import { type Execution, initialState, type Warning } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { sha256 } from '../../common/sha256.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import { type ExecutionRow, toExecution } from '../../engine/execution-row.js';
import { ExecutionDeleter } from '../../journal/execution-deleter.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import {
  ExecutionsRepository,
  type NewExecution,
  newRow,
  type Origin,
  type Repeated,
} from '../executions.repository.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { withoutRecorded } from '../shown-execution.js';
import { InsertQueue } from './insert-queue.js';

const UNIQUE_VIOLATION = '23505';
/** How often an execution is inserted whose key is taken although no execution has it. */
const MAX_TRIES = 3;

/** An execution, and whether an earlier request with the same Idempotency-Key made it. */
export interface StartedExecution {
  execution: Execution;
  replayed: boolean;
}

const newExecution = (row: ExecutionRow): StartedExecution => ({
  execution: toExecution(row, initialState()),
  replayed: false,
});

/** Adds the warnings of a request to its answer. */
export const withWarnings = (
  { execution, replayed }: StartedExecution,
  warnings: readonly Warning[],
): StartedExecution => ({
  execution: warnings.length === 0 ? execution : { ...execution, warnings: [...warnings] },
  replayed,
});

/** Leaves out what an execution has recorded that an earlier request with the same key made, unless the caller may read it. */
export const shownTo = (principal: Principal, started: StartedExecution): StartedExecution =>
  started.replayed ? { ...started, execution: withoutRecorded(principal, started.execution) } : started;

/** A request that makes an execution. */
export interface OnceOrigin extends Origin {
  projectId: string;
  /** Checks whether an equivalent request made this execution. Called for the execution that has the same key. */
  isRequestOf: (row: ExecutionRow) => boolean;
}

/** Inserts and queues executions, one for each Idempotency-Key. */
@Injectable()
export class ExecutionInserter {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly queue: InsertQueue,
    private readonly reader: ExecutionReader,
    private readonly dispatcher: Dispatcher,
    private readonly deleter: ExecutionDeleter,
  ) {}

  /**
   * Finds the execution that an earlier request with the same key made.
   * @throws ProblemError 422 `idempotency_key_reused` if the key came with another request, 409 `execution_deleted` if the
   *   execution was deleted
   */
  async findFirst({
    projectId,
    createdBy,
    idempotencyKey,
    isRequestOf,
  }: OnceOrigin): Promise<StartedExecution | undefined> {
    if (idempotencyKey === undefined) return undefined;
    const row = await this.repository.findByIdempotencyKey(projectId, createdBy, idempotencyKey);
    if (row && !isRequestOf(row)) throw new ProblemError('idempotency_key_reused');
    // Read after the row: a deletion removes the row and remembers the key in one commit.
    if (!row && (await this.deleter.isDeletedRequest(projectId, createdBy, sha256(idempotencyKey))))
      throw new ProblemError('execution_deleted');
    return row && { execution: await this.showFirst(row), replayed: true };
  }

  /**
   * Inserts an execution and starts or queues it, or finds the one that a simultaneous request with the same key made.
   * @throws ProblemError 422 `idempotency_key_reused`, 409 `execution_deleted`
   */
  async insert(request: NewExecution, origin: OnceOrigin): Promise<StartedExecution> {
    for (let tries = 1; ; tries += 1) {
      const row = await this.queue.insert(newRow(request, origin));
      if (row) return newExecution(row);
      const first = await this.findFirst(origin);
      if (first) return first;
      // Retention has deleted the one that had the key.
      if (tries === MAX_TRIES) throw new ProblemError('idempotency_key_reused');
    }
  }

  /**
   * Inserts a re-run and queues it, or finds the one that a simultaneous request with the same key made.
   * @throws NotFoundError if the execution that it repeats was deleted meanwhile
   * @throws ProblemError 422 `idempotency_key_reused`, 409 `execution_deleted`
   */
  async insertRerun(
    request: NewExecution,
    origin: OnceOrigin,
    repeated: Repeated,
  ): Promise<StartedExecution> {
    try {
      const row = await this.repository.insertRerun(newRow(request, origin), repeated);
      this.dispatcher.notifyQueued();
      return newExecution(row);
    } catch (error) {
      if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      const first = await this.findFirst(origin);
      if (!first) throw error;
      return first;
    }
  }

  /**
   * Inserts executions with one statement and starts or queues them, or finds those that other requests with the same keys
   * made, or earlier ones of the list.
   * @returns for each the execution, or the ProblemError 422 `idempotency_key_reused`
   */
  async insertAll(
    executions: readonly { request: NewExecution; origin: OnceOrigin }[],
  ): Promise<(StartedExecution | ProblemError)[]> {
    if (executions.length === 0) return [];
    const rows = await this.queue.insertNow(executions.map(({ request, origin }) => newRow(request, origin)));
    const started: (StartedExecution | ProblemError)[] = [];
    for (const [index, row] of rows.entries())
      started.push(row ? newExecution(row) : await this.findOrInsert(executions[index]!));
    return started;
  }

  private async findOrInsert({
    request,
    origin,
  }: {
    request: NewExecution;
    origin: OnceOrigin;
  }): Promise<StartedExecution | ProblemError> {
    try {
      // Retention may have deleted the one that had the key.
      return (await this.findFirst(origin)) ?? (await this.insert(request, origin));
    } catch (error) {
      if (error instanceof ProblemError) return error;
      throw error;
    }
  }

  private async showFirst(row: ExecutionRow): Promise<Execution> {
    return this.reader.show(row).catch((error: unknown) => {
      throw error instanceof NotFoundError ? new ProblemError('execution_deleted') : error;
    });
  }
}
