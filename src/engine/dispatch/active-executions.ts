import { HAND_OVER } from '../execution-engine.js';

/** An execution that runs in this process. */
export interface ActiveExecution {
  /** The attempt of the claim under which it runs. */
  readonly attempt: number;
  readonly abort: AbortController;
  /** Resolves when the run has stopped; never rejects. */
  done: Promise<void>;
}

/** The executions that run in this process. */
export class ActiveExecutions implements Iterable<[executionId: string, execution: ActiveExecution]> {
  private readonly byId = new Map<string, ActiveExecution>();
  /** Ids of the active executions that only wait, for a resume or a person. */
  private readonly idle = new Set<string>();

  get size(): number {
    return this.byId.size;
  }

  has(executionId: string): boolean {
    return this.byId.has(executionId);
  }

  [Symbol.iterator](): IterableIterator<[executionId: string, execution: ActiveExecution]> {
    return this.byId.entries();
  }

  /**
   * The process's slots that are taken.
   * @param maxIdle how many idle executions take no slot
   */
  takenSlots(maxIdle: number): number {
    return this.byId.size - Math.min(this.idle.size, maxIdle);
  }

  /**
   * Starts a run. If a run under an earlier claim is still active, it is aborted, and the new one begins after its end:
   * another process may have owned the execution between the two claims.
   * @param run must not reject
   */
  start(
    executionId: string,
    attempt: number,
    run: (execution: ActiveExecution) => Promise<void>,
  ): ActiveExecution {
    const earlier = this.byId.get(executionId);
    earlier?.abort.abort();
    const execution: ActiveExecution = { attempt, abort: new AbortController(), done: Promise.resolve() };
    execution.done = Promise.resolve(earlier?.done)
      .then(() => run(execution))
      .finally(() => this.remove(executionId, execution));
    this.byId.set(executionId, execution);
    return execution;
  }

  /** @returns whether this is still the active run of the execution; if not, nothing changes */
  setIdle(executionId: string, execution: ActiveExecution, isIdle: boolean): boolean {
    if (this.byId.get(executionId) !== execution) return false;
    if (isIdle) this.idle.add(executionId);
    else this.idle.delete(executionId);
    return true;
  }

  /** Aborts all runs because the process shuts down, and waits until they have stopped. */
  async abortAll(): Promise<void> {
    const executions = [...this.byId.values()];
    for (const { abort } of executions) abort.abort(HAND_OVER);
    await Promise.all(executions.map(({ done }) => done));
  }

  private remove(executionId: string, execution: ActiveExecution): void {
    if (this.byId.get(executionId) !== execution) return;
    this.byId.delete(executionId);
    this.idle.delete(executionId);
  }
}
