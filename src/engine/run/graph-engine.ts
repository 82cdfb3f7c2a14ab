import { Inject, Injectable } from '@nestjs/common';
import { isTerminal } from '@cloutagent/contract';
import { coalesce } from '../../common/coalesce.js';
import { Settings } from '../../config/settings.js';
import { cutOffSteps } from '../../events/end-drafts.js';
import { isAppendFault, StaleOwnerError } from '../../journal/append-errors.js';
import { Logger } from '../../logging/logger.js';
import { detached } from '../../logging/work-context.js';
import type { RowChange } from '../../journal/row-change.js';
import { isDatabaseOutage } from '../../problems/database-outage.js';
import { ExecutionRedactors } from '../../secrets/execution-redactors.js';
import { ChildExecutions } from '../children/child-executions.js';
import {
  type ExecutionEngine,
  HAND_OVER,
  type ParkedRun,
  type RunningHead,
  type RunOutcome,
} from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import { NodeRegistry } from '../extension/node-registry.js';
import { StepInterceptors } from '../extension/step-interceptors.js';
import { BlockedLoopMonitor } from '../../monitoring/blocked-loop-monitor.js';
import { PriceTable } from '../models/prices.js';
import { Conditions } from '../nodes/conditions.js';
import { Callbacks } from '../waits/callbacks.js';
import { Signals } from '../waits/signals.js';
import { ControlRequests, type DesiredState } from './control-requests.js';
import type { EngineServices } from './engine-services.js';
import { afterExecution } from './execution-hooks.js';
import type { ExecutionLog } from './execution-log.js';
import { GraphRun } from './graph-run.js';
import { recordedWait, type WaitRow, waitEndedEvent } from './node-waits.js';
import { ProjectValues } from './project-values.js';
import { RoundRows } from './round-rows.js';
import { Takeover } from './takeover.js';

/** How long a released run waits for its appends: a node whose end is not committed would run again. */
const CLOSE_TIMEOUT_MS = 2_000;

interface ActiveRun {
  readonly row: ExecutionRow;
  readonly run: GraphRun;
  readonly log: ExecutionLog;
}

/** Runs workflow graphs. */
@Injectable()
export class GraphEngine implements ExecutionEngine {
  private readonly logger = new Logger(GraphEngine.name);
  private readonly runs = new Map<string, ActiveRun>();
  /** Executions that are being taken over, and whether a request has arrived for them since the claim. */
  private readonly starting = new Map<string, boolean>();
  /** Executions whose stored requests are to be applied. */
  private requested = new Set<string>();
  /**
   * Applies requests in their order: an older one must not be applied after a newer one. Calls during an application share the
   * next one, so that many executions that are woken at once need one read.
   */
  private readonly applyRequested = coalesce(() => detached(() => this.applyStoredRequests()));

  constructor(
    private readonly takeover: Takeover,
    private readonly requests: ControlRequests,
    private readonly registry: NodeRegistry,
    private readonly interceptors: StepInterceptors,
    private readonly monitor: BlockedLoopMonitor,
    private readonly prices: PriceTable,
    private readonly conditions: Conditions,
    private readonly rounds: RoundRows,
    private readonly children: ChildExecutions,
    private readonly signals: Signals,
    private readonly callbacks: Callbacks,
    private readonly values: ProjectValues,
    private readonly redactors: ExecutionRedactors,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  async run(row: ExecutionRow, signal: AbortSignal, onIdle: (idle: boolean) => void): Promise<RunOutcome> {
    const current: { run?: GraphRun; failure?: unknown } = {};
    const onFailure = (error: unknown) => {
      current.failure ??= error;
      current.run?.release();
    };
    this.starting.set(row.id, false);
    const hasCrashed = row.crash_count > this.settings.MAX_RECOVERIES_PER_EXECUTION;
    try {
      // An execution that is about to fail records nothing that can contain a secret.
      if (row.secret_versions.length > 0 && !hasCrashed && !(await this.restoreSecrets(row)))
        return 'refused';
      const restored = await this.takeover.start(row, onFailure);
      if (!restored) return 'ended';
      const { log, waits, kept, spentMs } = restored;
      if (hasCrashed) return await this.failAfterCrashes(row, log, waits);
      const run = new GraphRun({
        row,
        log,
        services: this.services,
        waits,
        kept,
        readEndedWaits: () => this.requests.readEndedWaits([row.id]),
        spentMs,
        onIdle,
      });
      current.run = run;
      // What was requested while no process ran the execution applies before any node starts.
      applyDesiredState(run, row);
      run.applyEndedWaits(unrecordedEnds(waits), row.wakes);
      const outcome = await this.runToEnd({ row, run, log }, signal);
      return outcome === 'released' ? this.outcomeOf(row.id, current.failure) : outcome;
    } catch (error) {
      return this.outcomeOf(row.id, error);
    } finally {
      this.starting.delete(row.id);
      this.redactors.release({ executionId: row.id, attempt: row.attempt });
    }
  }

  async applyControl(executionIds: readonly string[]): Promise<void> {
    for (const id of executionIds) if (this.starting.has(id)) this.starting.set(id, true);
    for (const id of executionIds) this.requested.add(id);
    await this.applyRequested();
  }

  committedSequence(executionId: string): number | undefined {
    return this.runs.get(executionId)?.log.committedSequence;
  }

  committedHead(executionId: string): RunningHead | undefined {
    const entry = this.runs.get(executionId);
    if (!entry) return undefined;
    const { id, project_id: projectId, root_id: rootId } = entry.row;
    const { status, sequence: lastSequence } = entry.log.committed;
    return isTerminal(status) ? undefined : { id, projectId, rootId, status, lastSequence };
  }

  private get services(): EngineServices {
    return {
      registry: this.registry,
      interceptors: this.interceptors.exist ? this.interceptors : undefined,
      monitor: this.monitor,
      priceOf: (model, call, options) => this.prices.costUSD(model, call, options),
      conditions: this.conditions,
      rounds: this.rounds,
      children: this.children,
      signals: this.signals,
      callbacks: this.callbacks,
      values: this.values,
      redactors: this.redactors,
      settings: this.settings,
    };
  }

  /**
   * Learns the secrets that the execution has used, because it may record them.
   * @returns false if a value cannot be read, which another attempt would not change soon
   * @throws the error of a database that does not answer
   */
  private async restoreSecrets({ id, attempt, secret_versions: versions }: ExecutionRow): Promise<boolean> {
    try {
      await this.redactors.restore({ executionId: id, attempt }, versions);
      return true;
    } catch (error) {
      if (isDatabaseOutage(error)) throw error;
      this.logger.error('the secrets that the execution has used cannot be read', error, { executionId: id });
      return false;
    }
  }

  private async runToEnd(entry: ActiveRun, signal: AbortSignal): Promise<'ended' | 'released' | ParkedRun> {
    const { run, log } = entry;
    const executionId = entry.row.id;
    this.runs.set(executionId, entry);
    const onAbort = () => (signal.reason === HAND_OVER ? run.handOver() : run.release());
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      // The row of the claim may not have a request that arrived after it.
      if (this.starting.get(executionId)) await this.applyControl([executionId]);
      this.starting.delete(executionId);
      if (signal.aborted) onAbort();
      const outcome = await run.run();
      if (outcome === 'ended') return 'ended';
      const isCommitted = await log.close(CLOSE_TIMEOUT_MS);
      return isCommitted ? outcome : 'released';
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (this.runs.get(executionId) === entry) this.runs.delete(executionId);
    }
  }

  private async applyStoredRequests(): Promise<void> {
    const runningIds = [...this.requested].filter((id) => this.runs.has(id));
    this.requested = new Set();
    if (runningIds.length === 0) return;
    const { desiredStates, endedWaits } = await this.requests.read(runningIds);
    const waitsOf = Map.groupBy(endedWaits, (wait) => wait.execution_id);
    for (const desired of desiredStates) {
      const run = this.runs.get(desired.id)?.run;
      applyDesiredState(run, desired);
      run?.applyEndedWaits(waitsOf.get(desired.id) ?? [], desired.wakes);
    }
  }

  /** Fails an execution whose owners have crashed too often: it would probably crash the next process as well. */
  private async failAfterCrashes(
    row: ExecutionRow,
    log: ExecutionLog,
    waits: readonly WaitRow[],
  ): Promise<RunOutcome> {
    const message = `${row.crash_count} processes crashed while they ran this execution; the limit is ${this.settings.MAX_RECOVERIES_PER_EXECUTION} (MAX_RECOVERIES_PER_EXECUTION). Check its nodes for code that ends the process or needs too much memory.`;
    const code = 'too_many_recoveries';
    this.logger.warn(`the execution failed: ${message}`, { executionId: row.id, code });
    const open = waits.filter(({ recorded }) => !recorded);
    if (open.some(({ kind }) => kind === 'children'))
      await this.children.endAll(row.id, null, 'The execution above has ended: failed.');
    const records = open.map(recordedWait);
    const change: RowChange = { status: 'failed', error: { message, code }, records };
    await log.append(
      [
        ...open.map(waitEndedEvent),
        ...cutOffSteps(log.state),
        { type: 'execution:failed', fields: { error: message, code } },
      ],
      change,
    );
    if (this.interceptors.exist) afterExecution(this.interceptors, row, change);
    return 'ended';
  }

  private outcomeOf(executionId: string, failure: unknown): RunOutcome {
    if (failure === undefined) return 'released';
    if (failure instanceof StaleOwnerError) return 'lost';
    this.logger.error('this process cannot continue the execution', failure, { executionId });
    return isAppendFault(failure) ? 'refused' : 'released';
  }
}

/** Returns the waits that have ended and whose end the journal does not have yet, in the order of their ends. */
const unrecordedEnds = (waits: readonly WaitRow[]): WaitRow[] =>
  waits
    .filter(({ outcome, recorded }) => outcome !== null && !recorded)
    .toSorted((one, other) => one.settled_at!.getTime() - other.settled_at!.getTime());

function applyDesiredState(
  run: GraphRun | undefined,
  { desired_state, desired_state_by: by, desired_state_reason: reason }: DesiredState,
): void {
  switch (desired_state) {
    case 'run':
      run?.resume(by, reason);
      break;
    case 'pause':
      run?.pause(by, reason);
      break;
    case 'cancel':
      run?.cancel(by, reason);
      break;
  }
}
