import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DeadProcess, DeathDetector } from '../../cluster/death-detector.js';
import { ProcessPresence } from '../../cluster/process-presence.js';
import { Settings } from '../../config/settings.js';
import { detached } from '../../logging/work-context.js';
import { backoffMs } from '../../common/backoff.js';
import { Journal } from '../../journal/journal.js';
import { ExecutionEngine } from '../execution-engine.js';
import type { ExecutionRow } from '../execution-row.js';
import { ControlNotifier } from './control-notifier.js';
import { DispatchNotifier } from './dispatch-notifier.js';
import { ExecutionQueue } from './execution-queue.js';

/** Most executions of one claim: the rest is left for the other processes, and comes with the next claim. */
const CLAIM_LIMIT = 50;
const CLAIM_GRACE_MS = 2_000;
/** Sweeps between two comparisons of what runs here with what the database says. */
const SWEEPS_PER_REASSERT = 3;

interface Active {
  readonly attempt: number;
  readonly abort: AbortController;
  done: Promise<void>;
}

/**
 * Claims executions and hands them to the engine, and sees to it that none is left without an owner: the queue's
 * statements say who that is, and this class when they run.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Dispatcher.name);
  private readonly active = new Map<string, Active>();
  /** Those of `active` that only wait and so take no slot of this process. */
  private readonly idle = new Set<string>();
  /** Executions of which something was requested while a claim was under way: perhaps just claimed. */
  private readonly requested = new Set<string>();
  private timers: NodeJS.Timeout[] = [];
  /** Claims and re-assertions, one at a time: what is just being claimed would look as if it did not run here. */
  private turn: Promise<unknown> = Promise.resolve();
  private claiming = false;
  private claimAgain = false;
  /** Whether executions are queued for which there was no slot. */
  private more = false;
  private sweeps = 0;
  private stopping = false;

  constructor(
    private readonly presence: ProcessPresence,
    private readonly detector: DeathDetector,
    private readonly queue: ExecutionQueue,
    private readonly notifier: DispatchNotifier,
    private readonly controls: ControlNotifier,
    private readonly journal: Journal,
    @Inject(ExecutionEngine) private readonly engine: ExecutionEngine,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  /** Executions that this process runs, paused ones included. */
  get running(): number {
    return this.active.size;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.notifier.queued.subscribe(() => this.claim());
    await this.notifier.start();
    (await this.controls.listen()).subscribe((executionId) => this.control(executionId));
    this.presence.returned.subscribe(() => {
      this.inBackground('return', () => this.queue.uncountCrashes());
      this.inBackground('re-assert', () => this.reassert());
    });
    this.detector.dead.subscribe((dead) => this.inBackground('reclaim', () => this.reclaim(dead)));
    const timer = setInterval(() => this.sweep(), this.settings.DISPATCH_POLL_INTERVAL_MS);
    timer.unref();
    this.timers.push(timer);
    // Executions of a process that ended just before this one started.
    this.inBackground('check of the other processes', () => this.detector.check());
    this.sweep();
  }

  /** Hands over what runs: other processes, or the next life of this one, continue from the journal. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    for (const timer of this.timers) clearInterval(timer);
    // A claim that the database does not answer must not hold up the shutdown.
    await Promise.race([this.turn, sleep(CLAIM_GRACE_MS, undefined, { ref: false })]);
    const running = [...this.active.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  /** Something was queued, or a slot became free: claims here, and notifies the other processes. */
  notifyQueued(): void {
    this.claim();
    this.notifier.notify();
  }

  private inBackground(what: string, work: () => Promise<void>): void {
    work().catch((error: Error) => this.logger.warn(`${what}: ${error.message}`));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work);
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private control(executionId: string): void {
    if (this.claiming) this.requested.add(executionId);
    if (this.active.has(executionId)) this.inBackground('control', () => this.engine.control([executionId]));
  }

  /** Fills the free slots. One claim at a time; a call during one makes another follow. */
  private claim(): void {
    if (this.claiming) {
      this.claimAgain = true;
      return;
    }
    this.claiming = true;
    // What is claimed belongs to nobody who made it be claimed, such as a node that has started an execution.
    detached(() =>
      this.inBackground('claim', () =>
        this.inTurn(() => this.claimExecutions()).finally(() => {
          this.claiming = false;
          this.requested.clear();
          if (!this.claimAgain) return;
          this.claimAgain = false;
          this.claim();
        }),
      ),
    );
  }

  private async claimExecutions(): Promise<void> {
    const waiting = Math.min(this.idle.size, this.settings.MAX_WAITING_PER_PROCESS);
    const free = this.settings.MAX_EXECUTIONS_PER_PROCESS - (this.active.size - waiting);
    if (this.stopping) return;
    if (free <= 0) {
      this.more = true;
      return;
    }
    const limit = Math.min(free, CLAIM_LIMIT);
    const { rows, more } = await this.queue.claim(limit);
    this.more = more;
    for (const row of rows) this.start(row);
    if (rows.length === limit) this.claimAgain = true;
  }

  private start(row: ExecutionRow): void {
    const abort = new AbortController();
    if (this.stopping) abort.abort();
    // A run of an earlier claim, which another process has taken meanwhile, may still be stopping here.
    const before = this.active.get(row.id);
    before?.abort.abort();
    const entry: Active = { attempt: row.attempt, abort, done: Promise.resolve() };
    entry.done = Promise.resolve(before?.done)
      .then(() => this.work(row, entry))
      .catch((error: Error) =>
        this.logger.error('the execution broke off here', error, { executionId: row.id }),
      )
      .finally(() => {
        if (this.active.get(row.id) === entry) {
          this.active.delete(row.id);
          this.idle.delete(row.id);
        }
        if (this.more) this.claim();
      });
    this.active.set(row.id, entry);
    if (this.requested.has(row.id)) this.control(row.id);
  }

  private async work(row: ExecutionRow, entry: Active): Promise<void> {
    const onIdle = (idle: boolean) => {
      if (this.active.get(row.id) !== entry) return;
      if (!idle) this.idle.delete(row.id);
      else {
        this.idle.add(row.id);
        this.notifyQueued();
      }
    };
    const outcome = await this.engine.run(row, entry.abort.signal, onIdle);
    if (outcome === 'released' || outcome === 'refused') await this.giveUp(row, outcome === 'refused');
  }

  /** @param isRefused whether what it wanted to record cannot be stored: then it is at fault itself */
  private async giveUp(row: ExecutionRow, isRefused: boolean): Promise<void> {
    const { RETRY_BASE_MS, RETRY_MAX_MS } = this.settings;
    const delayMs = isRefused ? backoffMs(row.crash_count + 1, RETRY_BASE_MS, RETRY_MAX_MS) : 0;
    try {
      await this.queue.release(row.id, row.attempt, delayMs, isRefused);
      this.notifyQueued();
    } catch (error) {
      // The next re-assertion finds it owned by this process and not running, and releases it.
      this.logger.warn(`the execution could not be released yet: ${(error as Error).message}`, {
        executionId: row.id,
      });
    }
  }

  private async reclaim(dead: DeadProcess): Promise<void> {
    const executions = await this.queue.reclaim(dead);
    if (executions === undefined) return;
    const how = dead.silentSince === undefined ? 'has ended' : `has been silent since ${dead.silentSince}`;
    this.logger.warn(`process ${dead.identity} ${how}; ${executions} of its executions are queued again`);
    if (executions > 0) this.notifyQueued();
  }

  /** Each part by itself: one that fails must not keep the others from being done. */
  private sweep(): void {
    this.sweeps += 1;
    this.inBackground('cancel', () => this.cancelPending());
    this.inBackground('sweep', async () => {
      if ((await this.queue.sweep()) > 0) this.notifyQueued();
    });
    if (this.sweeps % SWEEPS_PER_REASSERT === 0) this.inBackground('re-assert', () => this.reassert());
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
   * Compares what runs here with what the database says that this process owns: after a reconnect, after it was
   * declared dead, and regularly, because the answer to any statement may get lost.
   */
  private async reassert(): Promise<void> {
    const mine = await this.inTurn(async () => {
      if (this.stopping) return new Set<string>();
      const before = new Map(
        [...this.active].map(([id, entry]) => [id, { entry, committed: this.engine.committed(id) }]),
      );
      const owned = new Map((await this.queue.owned()).map((row) => [row.id, row]));
      for (const [id, { entry, committed = 0 }] of before) {
        const row = owned.get(id);
        if (row?.attempt !== entry.attempt) entry.abort.abort();
        else if (row.lastSequence < committed) {
          this.logger.error(
            `the database has lost events: it has ${row.lastSequence} of ${committed}. The execution is taken over anew`,
            { executionId: id },
          );
          entry.abort.abort();
        }
      }
      for (const { id, attempt } of owned.values())
        if (!this.active.has(id)) await this.queue.release(id, attempt);
      return new Set(before.keys());
    });
    // A notification of a request may have been lost.
    await this.engine.control([...mine]);
    this.claim();
  }
}
