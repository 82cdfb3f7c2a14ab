import { coalesce } from '../../common/coalesce.js';
import { detached } from '../../logging/work-context.js';
import type { WaitEnd, WaitSettlement } from './wait-settlement.js';

/** Answers that one transaction stores. */
const MAX_ANSWERS = 200;

/** An answer, checked against its wait. */
export interface Answer extends WaitEnd {
  executionId: string;
}

interface PendingAnswer extends PromiseWithResolvers<Date | undefined> {
  readonly answer: Answer;
}

/**
 * Stores answers. Answers that arrive during a transaction share the next one: when thousands of waits are answered at once,
 * a transaction for each would cost more than the rest of their executions, and would wake them one by one.
 */
export class AnswerBatches {
  private pending: PendingAnswer[] = [];
  private readonly store = coalesce(() => detached(() => this.storePending()));

  constructor(private readonly settlement: WaitSettlement) {}

  /**
   * Ends a wait by an answer, if the wait and its execution are open.
   * @returns when the wait ended; undefined if it had ended before
   * @throws the error of the database
   */
  async end(answer: Answer): Promise<Date | undefined> {
    return (await this.endTogether([answer]))[0];
  }

  /**
   * Ends waits of one execution by answers, in one transaction if there are no more than `MAX_ANSWERS`. So the execution
   * continues with all of them at once.
   * @returns for each answer when its wait ended; undefined if it had ended before
   * @throws the error of the database
   */
  endTogether(answers: readonly Answer[]): Promise<(Date | undefined)[]> {
    const pending = answers.map((answer) => ({ answer, ...Promise.withResolvers<Date | undefined>() }));
    this.pending.push(...pending);
    void this.store();
    return Promise.all(pending.map(({ promise }) => promise));
  }

  /** Never rejects: each answer gets its own result. */
  private async storePending(): Promise<void> {
    while (this.pending.length > 0) {
      const batch = this.takeBatch();
      try {
        const ended = await this.endAll(batch.map(({ answer }) => answer));
        for (const { answer, resolve } of batch) resolve(ended.get(answer.waitId));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  /** Takes the oldest answers. Only the first answer of a wait: the others find in a later batch that it has ended. */
  private takeBatch(): PendingAnswer[] {
    const batch = new Map<string, PendingAnswer>();
    const others: PendingAnswer[] = [];
    for (const pending of this.pending) {
      const { waitId } = pending.answer;
      if (batch.size === MAX_ANSWERS || batch.has(waitId)) others.push(pending);
      else batch.set(waitId, pending);
    }
    this.pending = others;
    return [...batch.values()];
  }

  /** @returns when each wait that this call has ended has ended, by id */
  private endAll(answers: readonly Answer[]): Promise<Map<string, Date>> {
    const executionIds = new Set(answers.map(({ executionId }) => executionId));
    return this.settlement.transaction([...executionIds], async ({ client, end }) => {
      // The clock of this statement, not that of the transaction's begin: the locks may have taken long.
      const { rows } = await client.query<{ id: string; now: Date }>({
        name: 'waits-answerable',
        text: `SELECT w.id, now() AS now FROM cloutagent.waits AS w
               WHERE w.id = ANY ($1::uuid[]) AND w.outcome IS NULL
                 AND (w.until IS NULL OR w.until > clock_timestamp())`,
        values: [answers.map(({ waitId }) => waitId)],
      });
      const open = new Map(rows.map(({ id, now }) => [id, now]));
      const ended = await end(answers.filter(({ waitId }) => open.has(waitId)));
      return new Map(ended.map((id) => [id, open.get(id)!]));
    });
  }
}
