/** Runs executions that this process has been given. */
export interface ExecutionEngine {
  /**
   * Takes an execution over and runs it to its end.
   * @param signal aborts when the process gives it up or has lost it
   * @param onIdle told whether it only waits, for a resume or a person; before the first call it works
   * @returns `over` when it is at its end, `released` when another process has to go on
   */
  run(
    executionId: string,
    signal: AbortSignal,
    onIdle: (idle: boolean) => void,
  ): Promise<'over' | 'released'>;
  /** Carries out what was asked for (`control`, approvals), if the execution runs here. */
  control(executionId: string): Promise<void>;
}

/** Injection token of the engine; the default is GraphEngine. */
export const ExecutionEngine = Symbol('ExecutionEngine');
