import { detached } from '../logging/work-context.js';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** The pause before a query that directly follows another one, so that it collects more ids. */
const GATHER_MS = 5;

/**
 * Looks up rows by id with one query at a time. Ids that are requested during a query are part of the next one, so a burst
 * of connects costs a few queries, and a single lookup does not wait. A result is never older than its request.
 */
export class BatchedLookup<Found> {
  private pending = new Map<string, PromiseWithResolvers<Found | undefined>>();
  private running = false;

  /**
   * @param query finds the rows of several ids
   * @param maxIds per query
   */
  constructor(
    private readonly query: (ids: readonly string[]) => Promise<ReadonlyMap<string, Found>>,
    private readonly maxIds = 1_000,
  ) {}

  find(id: string): Promise<Found | undefined> {
    let request = this.pending.get(id);
    if (!request) {
      request = Promise.withResolvers();
      this.pending.set(id, request);
    }
    if (!this.running) void detached(() => this.run());
    return request.promise;
  }

  private async run(): Promise<void> {
    this.running = true;
    // Collects the other requests of this turn of the event loop.
    await nextTurn();
    while (this.pending.size > 0) {
      const batch = [...this.pending].slice(0, this.maxIds);
      for (const [id] of batch) this.pending.delete(id);
      try {
        const found = await this.query(batch.map(([id]) => id));
        for (const [id, { resolve }] of batch) resolve(found.get(id));
      } catch (error) {
        for (const [, { reject }] of batch) reject(error);
      }
      if (this.pending.size > 0) await sleep(GATHER_MS);
    }
    this.running = false;
  }
}
