import type { ExecutionRow } from './execution-row.js';

/**
 * How a run ended: `ended` at the execution's end; `released` when a process has to continue it; `lost` when another
 * process owns it by now; `refused` when what it wanted to record cannot be stored.
 */
export type RunOutcome = 'ended' | 'released' | 'lost' | 'refused';

/** Runs executions that this process has claimed. */
export interface ExecutionEngine {
  /**
   * Runs an execution to its end.
   * @param row as the claim returned it; `attempt` is the claim's fencing token
   * @param signal aborts when the process gives it up or has lost it
   * @param onIdle called when it begins or ends to only wait, for a resume or a person, and the row says so; before
   *   the first call it works
   */
  run(row: ExecutionRow, signal: AbortSignal, onIdle: (idle: boolean) => void): Promise<RunOutcome>;
  /** Applies what was requested (`control`, approvals) to those of the executions that run here. */
  control(executionIds: readonly string[]): Promise<void>;
  /** The newest sequence of an execution that runs here which the database has acknowledged. */
  committed(executionId: string): number | undefined;
}

/** Injection token of the engine; the default is GraphEngine. */
export const ExecutionEngine = Symbol('ExecutionEngine');
