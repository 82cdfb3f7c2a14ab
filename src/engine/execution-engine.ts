import type { ExecutionStatus } from '@cloutagent/contract';
import type { Type } from '@nestjs/common';
import type { DesiredState } from '../database/schema.js';
import type { ExecutionRow } from './execution-row.js';

/**
 * How a run ended in this process:
 * - `ended`: the execution has ended.
 * - `released`: another process, or a later claim of this one, must continue it.
 * - `lost`: another process owns it now.
 * - `refused`: the database refuses the events that the run wanted to record.
 * - ParkedRun: the execution waits, and all its events are committed.
 */
export type RunOutcome = 'ended' | 'released' | 'lost' | 'refused' | ParkedRun;

/**
 * The end of a run that left its execution waiting. The execution needs no process until a wait ends or a request arrives. The
 * fields are what the engine has applied: if the row has changed since, the execution is queued again at once.
 */
export interface ParkedRun {
  readonly wakes: number;
  readonly desiredState: DesiredState;
  /** The execution must be claimed again after this time, in ms, although no wait has ended. */
  readonly deadlineMs?: number;
}

/** The present state of an execution that this process runs, as the database has acknowledged it. */
export interface RunningHead {
  readonly id: string;
  readonly projectId: string;
  /** The execution at the top of its tree; null for a root. */
  readonly rootId: string | null;
  readonly status: ExecutionStatus;
  readonly lastSequence: number;
}

/**
 * Runs executions that this process has claimed. An engine of your own replaces the default one, GraphEngine, through the
 * option `engine` of `createApp` and of `ExecutionsModule.forRoot`. It records events through the log that `Takeover.start`
 * returns: the log assigns the sequences, and the journal refuses the events of a process that has lost the execution.
 *
 * An engine must not reject for a fault of the execution: it records `execution:failed` and returns `ended`.
 * @example
 * ```ts
 * @Injectable()
 * export class EchoEngine implements ExecutionEngine {
 *   constructor(private readonly takeover: Takeover) {}
 *
 *   async run(row: ExecutionRow): Promise<RunOutcome> {
 *     const taken = await this.takeover.start(row, () => undefined);
 *     if (!taken) return 'ended';
 *     const { log } = taken;
 *     const at = new Date();
 *     const result = completedExecution(row, log.state, row.input, at);
 *     const change = { status: 'completed', output: row.input, at: at.toISOString() } as const;
 *     await log.append([{ type: 'execution:completed', fields: { result } }], change);
 *     return 'ended';
 *   }
 *   async applyControl(): Promise<void> {}
 *   committedSequence(): undefined {}
 * }
 *
 * const app = await createApp(settings, { engine: EchoEngine });
 * ```
 */
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
   * Applies the stored control requests (desired states and ended waits) to those of the executions that run here. Calls are
   * applied in order.
   */
  applyControl(executionIds: readonly string[]): Promise<void>;
  /** The newest sequence that the database has acknowledged; undefined if the execution does not run here. */
  committedSequence(executionId: string): number | undefined;
  /**
   * The state that the database has acknowledged; undefined if the execution does not run here, or has ended. Streams of
   * running executions open without a query if an engine has this method.
   */
  committedHead?(executionId: string): RunningHead | undefined;
}

/**
 * The reason with which the signal of a run aborts when its process shuts down. A run that only waits then leaves the
 * execution waiting. With any other reason it must be restored from the journal.
 */
export const HAND_OVER = new Error('this process shuts down');

/** Injection token of the engine; the default is GraphEngine. */
export const ExecutionEngine = Symbol('ExecutionEngine');

/** An engine that replaces GraphEngine: an object, or a class that is created with its dependencies. */
export type GivenEngine = ExecutionEngine | Type<ExecutionEngine>;

/** Injection token of an object that holds the engine which replaces GraphEngine, if there is one. */
export const EngineOption = Symbol('EngineOption');
export interface EngineOption {
  readonly engine: GivenEngine | undefined;
}
