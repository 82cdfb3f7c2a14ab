import { Inject, Injectable, Logger } from '@nestjs/common';
import { applyEvent, type EventDraft, type ExecutionState, initialState } from '@cloutagent/contract';
import { sql } from 'kysely';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { parseEvent } from '../events/event-bus.js';
import { Journal, StaleOwnerError } from '../journal/journal.js';
import { JournalReader } from '../journal/journal-reader.js';
import { EngineStats } from './engine-stats.js';
import type { ExecutionEngine } from './execution-engine.js';
import { ExecutionLog } from './execution-log.js';
import type { ExecutionRow } from './execution-row.js';
import { GraphRun } from './graph-run.js';
import { PriceTable } from './models/prices.js';
import { NodeRegistry } from './node-registry.js';
import { timeSpent } from './time-spent.js';

const TAKEOVER_TRIES = 5;

/** Runs workflow graphs. Taking an execution over is an append like any other: it fences the owner before. */
@Injectable()
export class GraphEngine implements ExecutionEngine {
  private readonly logger = new Logger(GraphEngine.name);
  private readonly runs = new Map<string, GraphRun>();
  private readonly controls = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly journal: Journal,
    private readonly reader: JournalReader,
    private readonly registry: NodeRegistry,
    private readonly prices: PriceTable,
    private readonly stats: EngineStats,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  async run(
    executionId: string,
    signal: AbortSignal,
    onIdle: (idle: boolean) => void,
  ): Promise<'over' | 'released'> {
    const row = await this.claim(executionId);
    if (!row) return 'over';
    let run: GraphRun | undefined;
    const onFailure = (error: unknown) => {
      if (!(error instanceof StaleOwnerError))
        this.logger.error(`execution ${executionId} could not be recorded: ${String(error)}`);
      run?.release();
    };
    const { log, spentMs } = await this.takeOver(row, onFailure);
    if (row.deaths > this.settings.MAX_RECOVERIES) {
      const message = `${row.deaths} processes died while they ran this execution; the limit is ${this.settings.MAX_RECOVERIES} (MAX_RECOVERIES).`;
      const failure = { message, code: 'too_many_recoveries' };
      await log.append([{ type: 'execution:failed', fields: { error: message, code: failure.code } }], {
        status: 'failed',
        error: failure,
      });
      return 'over';
    }
    run = new GraphRun(
      row,
      log,
      this.registry,
      (model, usage) => this.prices.costUSD(model, usage),
      this.settings,
      spentMs,
      onIdle,
    );
    const release = () => run.release();
    this.runs.set(executionId, run);
    signal.addEventListener('abort', release, { once: true });
    try {
      // What was asked for while nobody owned it, before anything starts.
      await this.control(executionId);
      if (signal.aborted) release();
      const outcome = await run.run();
      if (outcome === 'released' && signal.aborted) await this.letGo(executionId);
      return outcome;
    } finally {
      signal.removeEventListener('abort', release);
      this.runs.delete(executionId);
    }
  }

  /** One after the other: what was read first must not be carried out last. */
  async control(executionId: string): Promise<void> {
    const turn = Promise.resolve(this.controls.get(executionId)).then(() => this.carryOut(executionId));
    const settled = turn.catch(() => undefined);
    this.controls.set(executionId, settled);
    await turn.finally(() => {
      if (this.controls.get(executionId) === settled) this.controls.delete(executionId);
    });
  }

  private async carryOut(executionId: string): Promise<void> {
    const run = this.runs.get(executionId);
    if (!run) return;
    const approvals = await this.database.kysely
      .selectFrom('approvals')
      .selectAll()
      .where('execution_id', '=', executionId)
      .execute();
    const row = await this.database.kysely
      .selectFrom('executions')
      .select(['control', 'control_by', 'control_reason'])
      .where('id', '=', executionId)
      .executeTakeFirst();
    for (const { node_id, approved, comment, decided_by } of approvals)
      run.decide(node_id, { approved, comment, by: decided_by });
    if (!row) return;
    const verb = { run: 'resume', pause: 'pause', cancel: 'cancel' } as const;
    run[verb[row.control]](row.control_by, row.control_reason);
  }

  /**
   * Makes this process the owner; nothing when the execution is already at its end. An owner that is still
   * in the row did not let go: it died, or hangs.
   */
  private async claim(executionId: string): Promise<ExecutionRow | undefined> {
    return this.database.kysely
      .updateTable('executions')
      .set((set) => ({
        attempt: set('attempt', '+', 1),
        deaths: sql<number>`deaths + (owner IS NOT NULL)::int`,
        owner: this.listener.identity,
      }))
      .where('id', '=', executionId)
      .where('completed_at', 'is', null)
      .returningAll()
      .executeTakeFirst();
  }

  /** A hand-over, such as a restart, is no death. One that cannot be recorded is: it would go round for ever. */
  private async letGo(executionId: string): Promise<void> {
    await this.database.kysely
      .updateTable('executions')
      .set({ owner: null })
      .where('id', '=', executionId)
      .where('owner', '=', this.listener.identity)
      .where('completed_at', 'is', null)
      .execute()
      .catch((error: Error) =>
        this.logger.warn(`execution ${executionId} could not be handed over in order: ${error.message}`),
      );
  }

  /**
   * Reads what is done and records `execution:started`. The owner before, if it is still alive somewhere,
   * finds that sequence taken and stops; should it write first, we read again.
   */
  private async takeOver(
    row: ExecutionRow,
    onFailure: (error: unknown) => void,
  ): Promise<{ log: ExecutionLog; spentMs: number }> {
    for (let tries = 1; ; tries += 1) {
      // Nobody had it before: there is nothing to read. Were that wrong, the append would find its place taken.
      const isFresh = row.attempt === 1 && tries === 1;
      const { state, spentMs } = isFresh
        ? { state: initialState(), spentMs: 0 }
        : await this.readState(row.id);
      const dropped = state.steps
        .filter((step) => step.status === 'running')
        .map((step): EventDraft => {
          const { stepId, nodeId, nodeType, attempt } = step;
          const error = 'The process that ran this step has gone; the step runs again.';
          return {
            type: 'execution:step',
            fields: { step: step.step, stepId, nodeId, nodeType, status: 'retrying', attempt, error },
          };
        });
      const started: EventDraft = {
        type: 'execution:started',
        fields: { projectId: row.project_id, attempt: row.attempt },
      };
      const log = new ExecutionLog(this.journal, row.id, state, onFailure, this.stats);
      try {
        row.started_at ??= new Date();
        await log.append([started, ...dropped], { status: 'running', at: row.started_at.toISOString() });
        return { log, spentMs };
      } catch (error) {
        if (!(error instanceof StaleOwnerError) || tries === TAKEOVER_TRIES) throw error;
      }
    }
  }

  /** The last sequence first: whatever is appended after that look makes our own append fail, and we read again. */
  private async readState(executionId: string): Promise<{ state: ExecutionState; spentMs: number }> {
    const last = (await this.reader.lastSequences([executionId])).get(executionId) ?? 0;
    const milestones = await this.reader.milestones([executionId]);
    const events = (milestones.get(executionId) ?? []).map(parseEvent);
    const state = events.reduce(applyEvent, initialState());
    state.lastSequence = last;
    return { state, spentMs: timeSpent(events) };
  }
}
