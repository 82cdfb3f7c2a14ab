import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { type Job, PgBoss } from 'pg-boss';
import type pg from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener, PROCESS_LOCK } from '../database/listener.js';
import { ExecutionEngine } from './execution-engine.js';
import { WaitingJobs } from './waiting-jobs.js';

const QUEUE = 'executions';
/** "There is something to fetch." Sent in the transaction that enqueues. */
const DISPATCH_CHANNEL = 'cloutagent_dispatch';
/** Payload: an execution whose `control` or approvals changed. */
const CONTROL_CHANNEL = 'cloutagent_control';
const HEARTBEAT_SECONDS = 10;
const DAY_SECONDS = 86_400;

interface Task {
  executionId: string;
  projectId: string;
}

/**
 * Hands executions to the engine: a pg-boss queue, with job heartbeats and group concurrency per project.
 * Its `fetch` is called here instead of its `work`, which would wake every one of hundreds of workers for
 * each job (docs/adr/0004).
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Dispatcher.name);
  private readonly boss: PgBoss;
  private readonly active = new Map<
    string,
    { job: Job<Task>; abort: AbortController; done: Promise<void> }
  >();
  private readonly waiting: WaitingJobs;
  private timers: NodeJS.Timeout[] = [];
  private fetching = false;
  private fetchAgain = false;
  private stopping = false;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    @Inject(ExecutionEngine) private readonly engine: ExecutionEngine,
    @Inject(Settings) private readonly settings: Settings,
  ) {
    this.boss = new PgBoss({
      db: { executeSql: (text, values) => this.database.pool.query(text, values) },
      schema: 'pgboss',
      schedule: false,
      superviseIntervalSeconds: 5,
      monitorIntervalSeconds: 5,
      registerInstance: false,
    });
    this.boss.on('error', (error) => this.logger.error(`pg-boss: ${error.message}`));
    this.waiting = new WaitingJobs(database, (error) =>
      this.logger.warn(`a waiting execution could not give up its place: ${error.message}`),
    );
  }

  /** Executions this process has under way, paused ones included. */
  get running(): number {
    return this.active.size;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.boss.start();
    const options = {
      retryLimit: 1_000_000,
      retryDelay: 0,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      expireInSeconds: DAY_SECONDS,
      deleteAfterSeconds: 60,
      retentionSeconds: 365 * DAY_SECONDS,
    };
    await this.boss.createQueue(QUEUE, options);
    (await this.listener.listen(DISPATCH_CHANNEL)).subscribe(() => this.fetch());
    (await this.listener.listen(CONTROL_CHANNEL)).subscribe((executionId) => this.control(executionId));
    this.listener.reconnected.subscribe(() => {
      this.fetch();
      for (const executionId of this.active.keys()) this.control(executionId);
    });
    this.every((HEARTBEAT_SECONDS * 1000) / 4, () => this.heartbeat());
    const look = async () => {
      await this.reclaim();
      await this.clear();
      this.fetch();
    };
    this.every(this.settings.DISPATCH_POLL_MS, look);
    await look();
  }

  /** Hands back what runs: others, or this process's next life, go on from the journal. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping = true;
    for (const timer of this.timers) clearInterval(timer);
    const running = [...this.active.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
    await this.boss.stop({ graceful: false, close: false });
  }

  /** Enqueues an execution within the transaction that inserts it. */
  async enqueue(executionId: string, projectId: string, transaction: pg.PoolClient): Promise<void> {
    const db = { executeSql: (text: string, values?: unknown[]) => transaction.query(text, values) };
    await this.boss.send(QUEUE, { executionId, projectId } satisfies Task, {
      id: executionId,
      group: { id: projectId },
      db,
    });
    await transaction.query('SELECT pg_notify($1, $2)', [DISPATCH_CHANNEL, '']);
  }

  /** Tells the owner, wherever it is, that `control` or approvals changed. */
  async notifyOwner(executionId: string): Promise<void> {
    await this.database.pool.query('SELECT pg_notify($1, $2)', [CONTROL_CHANNEL, executionId]);
  }

  private every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(
      () => void work().catch((error: Error) => this.logger.warn(`dispatch: ${error.message}`)),
      ms,
    );
    timer.unref();
    this.timers.push(timer);
  }

  private control(executionId: string): void {
    if (!this.active.has(executionId)) return;
    this.engine
      .control(executionId)
      .catch((error: Error) => this.logger.error(`control of ${executionId} failed: ${error.message}`));
  }

  /** Fills the free slots. One fetch at a time; a call during one makes another follow. */
  private fetch(): void {
    if (this.fetching) {
      this.fetchAgain = true;
      return;
    }
    this.fetching = true;
    void this.fetchJobs()
      .catch((error: Error) => this.logger.warn(`executions could not be fetched: ${error.message}`))
      .finally(() => {
        this.fetching = false;
        if (this.fetchAgain) {
          this.fetchAgain = false;
          this.fetch();
        }
      });
  }

  private async fetchJobs(): Promise<void> {
    const waiting = Math.min(this.waiting.size, this.settings.WAITING_PER_PROCESS);
    const free = this.settings.EXECUTIONS_PER_PROCESS - (this.active.size - waiting);
    if (this.stopping || free <= 0) return;
    const jobs = await this.boss.fetch<Task>(QUEUE, {
      batchSize: free,
      groupConcurrency: this.settings.EXECUTIONS_PER_PROJECT,
    });
    for (const job of jobs) this.start(job);
  }

  private start(job: Job<Task>): void {
    const { executionId } = job.data;
    const abort = new AbortController();
    if (this.stopping) abort.abort();
    // Handed out again while it runs here, as after heartbeats that came late: what ran before stops first.
    const before = this.active.get(executionId);
    before?.abort.abort();
    const done = Promise.resolve(before?.done)
      .then(() => this.work(job, abort.signal))
      .catch((error: Error) => this.logger.error(`execution ${executionId}: ${error.stack ?? error.message}`))
      .finally(() => {
        if (this.active.get(executionId)?.job === job) this.active.delete(executionId);
        this.fetch();
      });
    this.active.set(executionId, { job, abort, done });
  }

  private async work(job: Job<Task>, signal: AbortSignal): Promise<void> {
    const onIdle = (idle: boolean) => void this.makeRoom(job.id, idle);
    const outcome = await this.engine.run(job.data.executionId, signal, onIdle).catch((error: unknown) => {
      this.logger.error(`execution ${job.data.executionId} could not go on here: ${String(error)}`);
      return 'released' as const;
    });
    await this.waiting.end(job.id);
    if (outcome === 'over') await this.boss.deleteJob(QUEUE, job.id);
    else await this.giveBack([job]);
  }

  private async makeRoom(jobId: string, idle: boolean): Promise<void> {
    await this.waiting.set(jobId, idle);
    if (idle) await this.announce().catch(() => undefined);
  }

  /**
   * @param jobs by id, whoever has them; as fetched, only while that claim still stands: a process that lost an
   *   execution must not take it from the one that has it now
   */
  private async giveBack(jobs: string[] | Job<Task>[]): Promise<void> {
    await this.boss.fail(QUEUE, jobs);
    await this.announce();
  }

  /** There is something to fetch, or a place to fetch it into. */
  private async announce(): Promise<void> {
    await this.database.pool.query('SELECT pg_notify($1, $2)', [DISPATCH_CHANNEL, '']);
  }

  private async heartbeat(): Promise<void> {
    const jobs = [...this.active.values()].map(({ job }) => job);
    if (jobs.length === 0) return;
    // Its type says nothing of it, but the answer lists the jobs whose claim still stands.
    const { settled } = (await this.boss.touch(QUEUE, jobs)) as { settled?: string[] };
    if (!settled) return;
    const held = new Set(settled);
    // The claim is gone: somebody else has the job, or will.
    for (const job of jobs) if (!held.has(job.id)) this.active.get(job.data.executionId)?.abort.abort();
  }

  /**
   * Gives back the executions of processes that are no more: their advisory lock is free. pg-boss would
   * notice too, when their heartbeats run out, but only after seconds.
   */
  private async reclaim(): Promise<void> {
    const { rows } = await this.database.pool.query<{ owner: string }>(
      `WITH owners AS MATERIALIZED (
         SELECT DISTINCT owner FROM cloutagent.executions WHERE completed_at IS NULL AND owner IS NOT NULL AND owner <> $2
       ) SELECT owner FROM owners WHERE pg_try_advisory_xact_lock($1, owner::int)`,
      [PROCESS_LOCK, this.listener.identity],
    );
    for (const { owner } of rows) {
      const orphans = await this.database.kysely
        .updateTable('executions')
        .set((set) => ({ owner: null, deaths: set('deaths', '+', 1) }))
        .where('owner', '=', owner)
        .where('completed_at', 'is', null)
        .returning('id')
        .execute();
      if (orphans.length === 0) continue;
      const jobIds = orphans.map(({ id }) => id);
      await this.waiting.regroup(jobIds, false);
      await this.giveBack(jobIds);
    }
  }

  /** Removes jobs whose executions are over, of processes that died before they could: they would keep places of their projects. */
  private async clear(): Promise<void> {
    const { rows } = await this.database.pool.query<{ id: string }>(
      `SELECT id FROM pgboss.job JOIN cloutagent.executions USING (id)
       WHERE name = $1 AND state = 'active' AND executions.completed_at IS NOT NULL`,
      [QUEUE],
    );
    const over = rows.map(({ id }) => id).filter((id) => !this.active.has(id));
    if (over.length === 0) return;
    await this.boss.deleteJob(QUEUE, over);
    await this.announce();
  }
}
