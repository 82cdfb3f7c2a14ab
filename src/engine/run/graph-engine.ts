import { Inject, Injectable, Logger } from '@nestjs/common';
import { SecretRedactor } from '../../config/secret-redactor.js';
import { Settings } from '../../config/settings.js';
import { isAppendFault, StaleOwnerError } from '../../journal/append-errors.js';
import { ControlRequests } from './control-requests.js';
import type { ExecutionEngine, RunOutcome } from '../execution-engine.js';
import type { ExecutionLog } from './execution-log.js';
import type { ExecutionRow } from '../execution-row.js';
import { GraphRun } from './graph-run.js';
import { PriceTable } from '../models/prices.js';
import { NodeRegistry } from '../extension/node-registry.js';
import { Takeover } from './takeover.js';

/** How long a run waits for what it has recorded before it is handed over: a finished node would run again. */
const SETTLE_MS = 2_000;

/** Runs workflow graphs. */
@Injectable()
export class GraphEngine implements ExecutionEngine {
  private readonly logger = new Logger(GraphEngine.name);
  private readonly runs = new Map<string, { run: GraphRun; log: ExecutionLog }>();
  /** Executions that are being taken over, and whether something was requested of them meanwhile. */
  private readonly starting = new Map<string, boolean>();
  private lastControl: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly takeover: Takeover,
    private readonly requests: ControlRequests,
    private readonly registry: NodeRegistry,
    private readonly prices: PriceTable,
    private readonly secrets: SecretRedactor,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  async run(row: ExecutionRow, signal: AbortSignal, onIdle: (idle: boolean) => void): Promise<RunOutcome> {
    const current: { run?: GraphRun; failure?: unknown } = {};
    const onFailure = (error: unknown) => {
      current.failure ??= error;
      current.run?.release();
    };
    this.starting.set(row.id, row.desired_state !== 'run' || row.attempt > 1);
    try {
      const taken = await this.takeover.start(row, onFailure);
      if (!taken) return 'ended';
      const { log, spentMs } = taken;
      if (row.crash_count > this.settings.MAX_RECOVERIES_PER_EXECUTION) return await this.giveUp(row, log);
      const run = new GraphRun(
        row,
        log,
        this.registry,
        (model, usage) => this.prices.costUSD(model, usage),
        this.settings,
        this.secrets,
        spentMs,
        onIdle,
      );
      current.run = run;
      const outcome = await this.follow(row.id, { run, log }, signal);
      return outcome === 'ended' ? 'ended' : this.outcomeOf(row.id, current.failure);
    } catch (error) {
      return this.outcomeOf(row.id, error);
    } finally {
      this.starting.delete(row.id);
    }
  }

  /** In order of the calls: an older request must not be applied after a newer one. */
  async control(executionIds: readonly string[]): Promise<void> {
    for (const id of executionIds) if (this.starting.has(id)) this.starting.set(id, true);
    const turn = this.lastControl.then(() => this.applyControls(executionIds));
    this.lastControl = turn.catch(() => undefined);
    await turn;
  }

  committed(executionId: string): number | undefined {
    return this.runs.get(executionId)?.log.committed;
  }

  private async follow(
    executionId: string,
    entry: { run: GraphRun; log: ExecutionLog },
    signal: AbortSignal,
  ): Promise<'ended' | 'released'> {
    const { run, log } = entry;
    const release = () => run.release();
    this.runs.set(executionId, entry);
    signal.addEventListener('abort', release, { once: true });
    try {
      // What was requested while nobody ran it, before anything starts.
      if (this.starting.get(executionId)) await this.control([executionId]);
      this.starting.delete(executionId);
      if (signal.aborted) release();
      const outcome = await run.run();
      if (outcome === 'released') await log.close(SETTLE_MS);
      return outcome;
    } finally {
      signal.removeEventListener('abort', release);
      if (this.runs.get(executionId) === entry) this.runs.delete(executionId);
    }
  }

  private async applyControls(executionIds: readonly string[]): Promise<void> {
    const here = executionIds.filter((id) => this.runs.has(id));
    if (here.length === 0) return;
    const { requests, approvals } = await this.requests.read(here);
    for (const { execution_id, node_id, approved, comment, decided_by } of approvals)
      this.runs.get(execution_id)?.run.decide(node_id, { approved, comment, by: decided_by });
    const verb = { run: 'resume', pause: 'pause', cancel: 'cancel' } as const;
    for (const { id, desired_state, desired_state_by, desired_state_reason } of requests)
      this.runs.get(id)?.run[verb[desired_state]](desired_state_by, desired_state_reason);
  }

  /** Ends an execution under which too many processes died: it would take down the next one, too. */
  private async giveUp(row: ExecutionRow, log: ExecutionLog): Promise<RunOutcome> {
    const message = `${row.crash_count} processes died while they ran this execution; the limit is ${this.settings.MAX_RECOVERIES_PER_EXECUTION} (MAX_RECOVERIES_PER_EXECUTION).`;
    const code = 'too_many_recoveries';
    this.logger.warn(`the execution failed: ${message}`, { executionId: row.id, code });
    await log.append([{ type: 'execution:failed', fields: { error: message, code } }], {
      status: 'failed',
      error: { message, code },
    });
    return 'ended';
  }

  private outcomeOf(executionId: string, failure: unknown): RunOutcome {
    if (failure === undefined) return 'released';
    if (failure instanceof StaleOwnerError) return 'lost';
    this.logger.error('the execution cannot continue here', failure, { executionId });
    return isAppendFault(failure) ? 'refused' : 'released';
  }
}
