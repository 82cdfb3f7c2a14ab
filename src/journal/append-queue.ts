import type { Claim, PendingAppend } from './pending-append.js';

/** Appends that wait for a flush, in the order of their calls. */
export class AppendQueue {
  private waiting: PendingAppend[] = [];

  get length(): number {
    return this.waiting.length;
  }

  add(append: PendingAppend): void {
    this.waiting.push(append);
  }

  /** Puts appends back before all that wait. */
  putBack(batch: readonly PendingAppend[]): void {
    this.waiting = [...batch, ...this.waiting];
  }

  /**
   * Takes appends for one flush. All appends of one execution are of the same claim. The start of an execution and its next
   * change of status are not in the same flush, because the row would then keep the second one alone.
   * @param maxEvents the batch ends with the append that reaches this number
   * @param busy executions that other flushes write: their appends are left in the queue
   */
  take(maxEvents: number, busy: readonly ReadonlySet<string>[]): PendingAppend[] {
    const batch: PendingAppend[] = [];
    const left: PendingAppend[] = [];
    const attempts = new Map<string, number>();
    const started = new Set<string>();
    const held = new Set<string>();
    let events = 0;
    for (const append of this.waiting) {
      const { executionId, change } = append;
      if (started.has(executionId) && change?.status !== undefined) held.add(executionId);
      const isLeft =
        held.has(executionId) ||
        events >= maxEvents ||
        (attempts.get(executionId) ?? append.attempt) !== append.attempt ||
        busy.some((executions) => executions.has(executionId));
      if (isLeft) {
        left.push(append);
        continue;
      }
      attempts.set(executionId, append.attempt);
      if (change?.status === 'running') started.add(executionId);
      batch.push(append);
      events += append.events.length;
    }
    this.waiting = left;
    return batch;
  }

  /** Finds the appends of a claim, by the identity of the claim's object. */
  find(claim: Claim): PendingAppend[] {
    return this.waiting.filter((append) => append.claim === claim);
  }

  /** Removes all appends under a claim and returns them. */
  remove({ executionId, attempt }: Claim): PendingAppend[] {
    const isOfClaim = (append: PendingAppend) =>
      append.executionId === executionId && append.attempt === attempt;
    const removed = this.waiting.filter(isOfClaim);
    this.waiting = this.waiting.filter((append) => !isOfClaim(append));
    return removed;
  }
}
