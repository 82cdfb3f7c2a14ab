import type { ExecutionRow } from './execution-row.js';

/**
 * How a run ended in this process:
 * - `ended`: the execution has ended.
 * - `released`: another process, or a later claim of this one, must continue it.
 * - `lost`: another process owns it now.
 * - `refused`: the database refuses the events that the run wanted to record.
 */
export type RunOutcome = 'ended' | 'released' | 'lost' | 'refused';

/** Runs executions that this process has claimed. */
export interface ExecutionEngine {
  /**
   * Runs an execution until it ends or this process stops running it.
   * @param row as the claim returned it; `attempt` is the claim's fencing token
   * @param signal aborts when this process must release the execution or has lost it
   * @param onIdle called after the row's `idle` has changed. `true` means that the execution only waits, for a resume or a
   *   person. A run begins as not idle
   */
  run(row: ExecutionRow, signal: AbortSignal, onIdle: (idle: boolean) => void): Promise<RunOutcome>;
  /**
   * Applies the stored control requests (desired state and approvals) to those of the executions that run here. Calls are
   * applied in order.
   */
  applyControl(executionIds: readonly string[]): Promise<void>;
  /** The newest sequence that the database has acknowledged; undefined if the execution does not run here. */
  committedSequence(executionId: string): number | undefined;
}

/** Injection token of the engine; the default is GraphEngine. */
export const ExecutionEngine = Symbol('ExecutionEngine');
