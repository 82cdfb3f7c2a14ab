import { Injectable } from '@nestjs/common';
import { coalesce } from '../../common/coalesce.js';
import { Dispatcher } from '../../engine/dispatch/dispatcher.js';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { isAppendFault } from '../../journal/append-errors.js';
import { detached } from '../../logging/work-context.js';
import { isDatabaseOutage } from '../../problems/database-outage.js';
import { ExecutionsRepository, type NewRow } from '../executions.repository.js';

const MAX_EXECUTIONS_PER_STATEMENT = 50;
/** A statement ends with the execution that reaches this number of characters, so that its memory is bounded. */
const MAX_CHARACTERS_PER_STATEMENT = 4_000_000;

/** The row; undefined if the idempotency key is taken. */
type Inserted = ExecutionRow | undefined;

/**
 * Inserts executions, and starts those that may run now. Requests that arrive while a statement is under way share the next
 * one: an idle process inserts at once, and a busy one needs few commits.
 */
@Injectable()
export class InsertQueue {
  private waiting: { row: NewRow; inserted: PromiseWithResolvers<Inserted> }[] = [];
  private readonly insertWaiting = coalesce(() => detached(() => this.insertAllWaiting()));

  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Inserts an execution with those of other requests. @throws the database's error */
  insert(row: NewRow): Promise<Inserted> {
    const inserted = Promise.withResolvers<Inserted>();
    this.waiting.push({ row, inserted });
    void this.insertWaiting();
    return inserted.promise;
  }

  /** Inserts executions with one statement. @throws the database's error; then none of them is inserted */
  async insertNow(rows: readonly NewRow[]): Promise<Inserted[]> {
    const { inserted } = await this.dispatcher.insertAndStart(async (claim) => {
      const made = await this.repository.insertAll(rows, claim);
      const found = made.filter((row) => row !== undefined);
      return {
        inserted: made,
        // Copies, because a run changes its row, and the answer shows the execution as it was inserted.
        claimed: found.filter(({ owner }) => owner !== null).map((row) => ({ ...row })),
        hasQueued: found.some(({ owner }) => owner === null),
      };
    });
    return inserted;
  }

  private async insertAllWaiting(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.take();
      try {
        const rows = await this.insertNow(batch.map(({ row }) => row));
        for (const [index, { inserted }] of batch.entries()) inserted.resolve(rows[index]);
      } catch (error) {
        // The others would wait as long, and fail as well.
        if (isDatabaseOutage(error)) batch.push(...this.waiting.splice(0));
        await this.insertEach(batch, error);
      }
    }
  }

  /** Inserts each execution alone if one of them may be the cause of the error, so that the others do not fail with it. */
  private async insertEach(batch: typeof this.waiting, cause: unknown): Promise<void> {
    const isShared = batch.length > 1 && isAppendFault(cause);
    for (const { row, inserted } of batch)
      await (isShared ? this.insertNow([row]) : Promise.reject(cause)).then(
        ([found]) => inserted.resolve(found),
        inserted.reject,
      );
  }

  private take(): typeof this.waiting {
    let [count, characters] = [0, 0];
    while (
      count < Math.min(this.waiting.length, MAX_EXECUTIONS_PER_STATEMENT) &&
      characters < MAX_CHARACTERS_PER_STATEMENT
    ) {
      const { input, workflow } = this.waiting[count]!.row;
      characters += input.length + workflow.length;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }
}
