import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { type DeadProcess, DeathDetector } from '../../cluster/death-detector.js';
import { ProcessPresence } from '../../cluster/process-presence.js';
import { Settings } from '../../config/settings.js';
import { detached } from '../../logging/work-context.js';
import { backoffMs } from '../../common/backoff.js';
import { coalesce } from '../../common/coalesce.js';
import { Semaphore } from '../../common/semaphore.js';
import { Journal } from '../../journal/journal.js';
import { Logger } from '../../logging/logger.js';
import { ExecutionEngine, type ParkedRun } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import { ChildrenProgress } from '../children/children-progress.js';
import { WaitSettlement } from '../waits/wait-settlement.js';
import { type ActiveExecution, ActiveExecutions } from './active-executions.js';
import { ControlNotifier } from './control-notifier.js';
import { DispatchNotifier } from './dispatch-notifier.js';
import { ExecutionQueue, type InsertClaim } from './execution-queue.js';

/** Executions of one claim. The rest is left to the other processes and to the next claim. */
const MAX_EXECUTIONS_PER_CLAIM = 50;
/** How long after claiming its share of the queue a process claims what the others have left. */
const SHARE_DELAY_MS = 10;
/** How long a shutdown waits for a claim that the database does not answer. */
const SHUTDOWN_CLAIM_TIMEOUT_MS = 2_000;
/** When an execution is claimed again whose row was locked. Such locks are short. */
const LOCKED_CLAIM_DELAY_MS = 20;
/** One in this many sweeps also re-asserts. */
const SWEEPS_PER_REASSERT = 3;
/** One in this many sweeps also checks the parked executions. */
const SWEEPS_PER_PARKED_CHECK = 15;

/**
 * Claims executions, hands them to the engine, and makes sure that no execution is left without an owner. The statements
 * of ExecutionQueue decide who owns an execution; this class decides when they run.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Dispatcher.name);
  private readonly active = new ActiveExecutions();
  /**
   * Executions for which a request arrived during the present claim, which may be claiming them. Undefined while no claim
   * runs.
   */
  private requestedDuringClaim: Set<string> | undefined;
  private timers: NodeJS.Timeout[] = [];
  private soon: NodeJS.Timeout | undefined;
  /** Claims when the next execution may begin that was started for later. */
  private nextStart: NodeJS.Timeout | undefined;
  /**
   * Held by one claim or re-assertion at a time. Otherwise a re-assertion could find an execution that is just being
   * claimed, and release it because it does not run here yet.
   */
  private readonly claimLock = new Semaphore(1);
  /** Fills the free slots. Calls during a claim share one further claim. */
  private readonly coalescedClaim = coalesce(() => detached(() => this.runClaim()));
  /** Whether the next claim takes all queued executions. Otherwise it takes this process's share of them. */
  private claimsAll = false;
  private shareTimer: NodeJS.Timeout | undefined;
  /** Whether executions were left in the queue because no slot was free. */
  private hasMoreQueued = false;
  private sweeps = 0;
  private isStopping = false;

  constructor(
    private readonly presence: ProcessPresence,
    private readonly detector: DeathDetector,
    private readonly queue: ExecutionQueue,
    private readonly notifier: DispatchNotifier,
    private readonly controls: ControlNotifier,
    private readonly journal: Journal,
    private readonly settlement: WaitSettlement,
    private readonly progress: ChildrenProgress,
    @Inject(ExecutionEngine) private readonly engine: ExecutionEngine,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  /** Number of executions that this process runs, including paused ones. */
  get running(): number {
    return this.active.size;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.notifier.queued.subscribe(() => this.claimShare());
    await this.notifier.start();
    (await this.controls.listen()).subscribe((executionId) => this.applyControl(executionId));
    this.settlement.woken.subscribe((ownedIds) => this.onWoken(ownedIds));
    this.presence.returned.subscribe(() => {
      this.inBackground('taking back crash counts', () => this.queue.uncountCrashes());
      this.inBackground('re-assertion', () => this.reassert());
    });
    this.detector.dead.subscribe((dead) => this.inBackground('reclaim', () => this.reclaim(dead)));
    const timer = setInterval(() => this.sweep(), this.settings.DISPATCH_POLL_INTERVAL_MS);
    timer.unref();
    this.timers.push(timer);
    // Finds executions of a process that died just before this one started.
    this.inBackground('check of the other processes', () => this.detector.check());
    this.sweep();
  }

  /** Releases all running executions. Other processes, or this one after a restart, continue them from the journal. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.shareTimer);
    clearTimeout(this.soon);
    clearTimeout(this.nextStart);
    await this.claimLock
      .acquire(AbortSignal.timeout(SHUTDOWN_CLAIM_TIMEOUT_MS))
      .then((lock) => lock.release())
      .catch(() => undefined);
    await this.active.abortAll();
  }

  /** Call this when an execution was queued or a slot became free: claims here, and notifies the other processes. */
  notifyQueued(): void {
    this.claim();
    this.notifier.notify();
  }

  /**
   * Runs a statement that inserts executions and claims as many of them as may run now. They start at once: a claim of their
   * own would take another commit. The others are queued. While a claim runs, nothing is claimed in this way.
   * @param insert returns what was inserted, the rows that it has claimed, and whether it has inserted others
   */
  async insertAndStart<Inserted extends { claimed: readonly ExecutionRow[]; hasQueued: boolean }>(
    insert: (claim: InsertClaim) => Promise<Inserted>,
  ): Promise<Inserted> {
    const inserted = await this.insertAndClaim(insert);
    if (inserted.hasQueued) this.notifyQueued();
    return inserted;
  }

  private async insertAndClaim<Inserted extends { claimed: readonly ExecutionRow[] }>(
    insert: (claim: InsertClaim) => Promise<Inserted>,
  ): Promise<Inserted> {
    using lock = this.isStopping ? undefined : this.claimLock.tryAcquire();
    if (!lock) return await insert(this.queue.insertClaim(0));
    return await this.recordingRequests(async () => {
      const inserted = await insert(this.queue.insertClaim(this.claimLimit));
      for (const row of inserted.claimed) this.start(row);
      return inserted;
    });
  }

  private inBackground(name: string, work: () => Promise<void>): void {
    work().catch((error: Error) => this.logger.warn(`${name} failed: ${error.message}`));
  }

  private async underClaimLock<T>(work: () => Promise<T>): Promise<T> {
    const lock = await this.claimLock.acquire();
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  private applyControl(executionId: string): void {
    this.requestedDuringClaim?.add(executionId);
    if (this.active.has(executionId))
      this.inBackground('applying a control request', () => this.engine.applyControl([executionId]));
  }

  /** Notifies the owners of executions of which a wait has ended. Claims those that no process owns. */
  private onWoken(ownedIds: readonly string[]): void {
    this.inBackground('notification of ended waits', async () => {
      await Promise.all(ownedIds.map((id) => this.controls.notify(id)));
    });
    this.notifyQueued();
  }

  private claim(): void {
    this.claimsAll = true;
    void this.coalescedClaim();
  }

  /**
   * Claims this process's share of what another process has queued, and a little later what is left. Otherwise the first
   * process that is notified would claim all children of an execution.
   */
  private claimShare(): void {
    void this.coalescedClaim();
  }

  private async runClaim(): Promise<void> {
    try {
      await this.underClaimLock(() => this.recordingRequests(() => this.claimExecutions()));
    } catch (error) {
      this.logger.warn(`claim failed: ${(error as Error).message}`);
    }
  }

  /** Remembers the requests that arrive during a claim. Call it under the claim lock. */
  private async recordingRequests<T>(claim: () => Promise<T>): Promise<T> {
    this.requestedDuringClaim = new Set();
    try {
      return await claim();
    } finally {
      this.requestedDuringClaim = undefined;
    }
  }

  /** How many executions the next claim may take. */
  private get claimLimit(): number {
    const { MAX_EXECUTIONS_PER_PROCESS, MAX_WAITING_PER_PROCESS } = this.settings;
    const freeSlots = MAX_EXECUTIONS_PER_PROCESS - this.active.takenSlots(MAX_WAITING_PER_PROCESS);
    return Math.max(0, Math.min(freeSlots, MAX_EXECUTIONS_PER_CLAIM));
  }

  private async claimExecutions(): Promise<void> {
    if (this.isStopping) return;
    const limit = this.claimLimit;
    if (limit === 0) {
      this.hasMoreQueued = true;
      return;
    }
    const isShare = !this.claimsAll;
    this.claimsAll = false;
    const { rows, hasMore, hasLocked, nextInMs } = await this.queue.claim(limit, isShare);
    this.hasMoreQueued = hasMore;
    this.claimAt(nextInMs);
    // Such as one that gets a signal. What holds the lock does not notify the queue.
    if (hasLocked) this.claimSoon();
    for (const row of rows) this.start(row);
    if (rows.length === limit) this.claim();
    else if (isShare && hasMore)
      this.shareTimer ??= setTimeout(() => {
        this.shareTimer = undefined;
        this.claim();
      }, SHARE_DELAY_MS);
  }

  /** A later time is found again by the next poll. */
  private claimAt(inMs: number | null): void {
    clearTimeout(this.nextStart);
    if (inMs === null || inMs > this.settings.DISPATCH_POLL_INTERVAL_MS) return;
    this.nextStart = setTimeout(() => this.claim(), Math.max(1, Math.ceil(inMs)));
    this.nextStart.unref();
  }

  private claimSoon(): void {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.claim(), LOCKED_CLAIM_DELAY_MS);
    this.soon.unref();
  }

  private start(row: ExecutionRow): void {
    const isRequested = this.requestedDuringClaim?.has(row.id) ?? false;
    const execution = this.active.start(row.id, row.attempt, (started) =>
      this.run(row, started, isRequested),
    );
    if (this.isStopping) execution.abort.abort();
    void execution.done.then(() => {
      if (this.hasMoreQueued) this.claim();
    });
  }

  /** @param isRequested whether a control request arrived during the claim; `row` may not have it yet */
  private async run(row: ExecutionRow, execution: ActiveExecution, isRequested: boolean): Promise<void> {
    const onIdle = (isIdle: boolean) => {
      if (!this.active.setIdle(row.id, execution, isIdle) || !isIdle) return;
      // An idle execution frees its slots, in this process and in its project.
      if (this.hasMoreQueued) this.claim();
      this.notifier.notify();
    };
    try {
      const running = this.engine.run(row, execution.abort.signal, onIdle);
      // Only now, because the engine ignores requests for executions that it does not run yet.
      if (isRequested) this.applyControl(row.id);
      const outcome = await running;
      if (outcome === 'ended' && row.parent_id !== null) this.progress.childEnded(row.parent_id);
      if (typeof outcome === 'object') await this.park(row, outcome);
      else if (outcome === 'released' || outcome === 'refused')
        await this.releaseOwnership(row, outcome === 'refused');
    } catch (error) {
      this.logger.error('the run of the execution failed in this process', error, { executionId: row.id });
    }
  }

  private async park(row: ExecutionRow, parked: ParkedRun): Promise<void> {
    try {
      if (await this.queue.park(row.id, row.attempt, parked)) this.notifyQueued();
    } catch (error) {
      // The next re-assertion finds that this process owns the execution but does not run it, and releases it.
      this.logger.warn(`the execution could not be left waiting: ${(error as Error).message}`, {
        executionId: row.id,
      });
    }
  }

  /**
   * Releases an execution so that any process may claim it.
   * @param isRefused whether the database refused its events. Then the execution itself is at fault: it is delayed, and the
   *   release counts as a crash
   */
  private async releaseOwnership(row: ExecutionRow, isRefused: boolean): Promise<void> {
    const { RETRY_BASE_MS, RETRY_MAX_MS } = this.settings;
    const delayMs = isRefused ? backoffMs(row.crash_count + 1, RETRY_BASE_MS, RETRY_MAX_MS) : 0;
    try {
      await this.queue.release(row.id, row.attempt, delayMs, isRefused);
      this.notifyQueued();
    } catch (error) {
      // The next re-assertion finds that this process owns the execution but does not run it, and releases it.
      this.logger.warn(
        `the execution could not be released, this will be tried again: ${(error as Error).message}`,
        { executionId: row.id },
      );
    }
  }

  private async reclaim(dead: DeadProcess): Promise<void> {
    const executions = await this.queue.reclaim(dead);
    if (executions === undefined) return;
    const reason = dead.silentSince === undefined ? 'has died' : `has sent no beat since ${dead.silentSince}`;
    this.logger.warn(`process ${dead.identity} ${reason}; its ${executions} executions are queued again`);
    if (executions > 0) this.notifyQueued();
  }

  /** Runs each part separately, so that a failure of one does not prevent the others. */
  private sweep(): void {
    this.sweeps += 1;
    this.inBackground('cancel of unowned executions', () => this.cancelPending());
    this.inBackground('sweep', async () => {
      if ((await this.queue.sweep()) > 0) this.notifyQueued();
    });
    if (this.sweeps % SWEEPS_PER_PARKED_CHECK === 0)
      this.inBackground('check of parked executions', async () => {
        if ((await this.queue.sweepParked()) > 0) this.notifyQueued();
      });
    if (this.sweeps % SWEEPS_PER_REASSERT === 0) this.inBackground('re-assertion', () => this.reassert());
    this.claim();
  }

  private async cancelPending(): Promise<void> {
    for (const { id, by, reason } of await this.queue.cancellable())
      await this.journal
        .appendIfUnowned(id, { by, reason })
        .catch((error: Error) =>
          this.logger.warn(`the execution could not be cancelled yet: ${error.message}`, { executionId: id }),
        );
  }

  /**
   * Compares the executions that run here with those that this process owns according to the database. It runs after a
   * reconnect, after this process was declared dead, and regularly, because the answer to any statement may get lost.
   */
  private async reassert(): Promise<void> {
    const activeIds = await this.underClaimLock(async () => {
      if (this.isStopping) return [];
      const before = new Map(
        [...this.active].map(([id, execution]) => [
          id,
          { execution, committed: this.engine.committedSequence(id) },
        ]),
      );
      const owned = new Map((await this.queue.owned()).map((row) => [row.id, row]));
      for (const [id, { execution, committed = 0 }] of before) {
        const row = owned.get(id);
        if (row?.attempt !== execution.attempt) execution.abort.abort();
        else if (row.lastSequence < committed) {
          this.logger.error(
            `the database has lost events: it has ${row.lastSequence} of ${committed}. This process restores the execution from the events that are left`,
            { executionId: id },
          );
          execution.abort.abort();
        }
      }
      for (const { id, attempt } of owned.values())
        if (!this.active.has(id)) await this.queue.release(id, attempt);
      return [...before.keys()];
    });
    // The notification of a control request may have been lost.
    await this.engine.applyControl(activeIds);
    this.claim();
  }
}
