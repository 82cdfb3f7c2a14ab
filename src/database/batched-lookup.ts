import { detached } from '../logging/work-context.js';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** While look-ups follow each other, each query waits so long for more to come along. */
const GATHER_MS = 5;

/**
 * Look-ups by id, one query at a time: what is asked for while one is under way goes into the next. A burst of
 * connects costs a few queries, and a single one no wait. An answer is never older than its question.
 */
export class BatchedLookup<Found> {
  private asked = new Map<string, PromiseWithResolvers<Found | undefined>>();
  private running = false;

  /** @param query finds some of the ids */
  constructor(
    private readonly query: (ids: readonly string[]) => Promise<ReadonlyMap<string, Found>>,
    private readonly mostIds = 1_000,
  ) {}

  find(id: string): Promise<Found | undefined> {
    let answer = this.asked.get(id);
    if (!answer) {
      answer = Promise.withResolvers();
      this.asked.set(id, answer);
    }
    if (!this.running) void detached(() => this.run());
    return answer.promise;
  }

  private async run(): Promise<void> {
    this.running = true;
    // The others of this turn come along.
    await nextTurn();
    while (this.asked.size > 0) {
      const batch = [...this.asked].slice(0, this.mostIds);
      for (const [id] of batch) this.asked.delete(id);
      try {
        const found = await this.query(batch.map(([id]) => id));
        for (const [id, { resolve }] of batch) resolve(found.get(id));
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
      if (this.asked.size > 0) await sleep(GATHER_MS);
    }
    this.running = false;
  }
}
