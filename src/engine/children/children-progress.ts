import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type pg from 'pg';
import { coalesce } from '../../common/coalesce.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { DesiredState, WaitDetails } from '../../database/schema.js';
import { Journal } from '../../journal/journal.js';
import { Logger } from '../../logging/logger.js';
import { detached } from '../../logging/work-context.js';
import { WaitSettlement } from '../waits/wait-settlement.js';
import { OutputSizes } from './output-sizes.js';
import { LEFT, OPEN_WAITS, ORPHANS, QUEUE_NEXT, STALLED, UNMARKED } from './progress-statements.js';
import { TreeControl } from './tree-control.js';

/** Parents that one transaction locks. */
const MAX_PARENTS = 100;
/** One in this many sweeps looks for open children of parents that have ended. */
const SWEEPS_PER_ORPHAN_CHECK = 10;

/** When a child is queued whose row was locked. Such locks are short. */
const LOCKED_DELAY_MS = 20;

/** An open wait for children, and how far they are. */
interface OpenWait {
  waitId: string;
  parentId: string;
  nodeId: string;
  children: NonNullable<WaitDetails['children']>;
  desired: DesiredState;
  isOwned: boolean;
  /** Children that are queued or have started, and have not ended. */
  active: number;
  /** Whether the turn of a child has not come. */
  hasWaiting: boolean;
  /** Whether a child has failed or was cancelled, and the others are not to run on. */
  hasFailed: boolean;
  isTooLarge: boolean;
}

/**
 * Reacts to the ends of child executions: queues the next ones, cancels the others after a failure, and ends the parent's
 * wait when all have ended. It decides by the rows of the children under a lock on the parent's row, and not by what it was
 * notified of, so it may run too often, in several processes at once, and after a crash.
 */
@Injectable()
export class ChildrenProgress implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(ChildrenProgress.name);
  private readonly sizes: OutputSizes;
  /** Parents whose children have changed. */
  private changed = new Set<string>();
  /** Waits whose other children are being cancelled. */
  private readonly cancelling = new Set<string>();
  private readonly update = coalesce(() => detached(() => this.updateChanged()));
  private timer: NodeJS.Timeout | undefined;
  private sweeps = 0;

  constructor(
    private readonly database: Database,
    private readonly settlement: WaitSettlement,
    private readonly control: TreeControl,
    private readonly journal: Journal,
    @Inject(Settings) private readonly settings: Settings,
  ) {
    this.sizes = new OutputSizes(settings.OUTPUT_MAX_BYTES);
    control.childEnds.subscribe((parentId) => {
      this.sizes.onEnd(parentId);
      this.notify([parentId]);
    });
  }

  onApplicationBootstrap(): void {
    const sweep = () =>
      void this.sweep().catch((error: Error) =>
        this.logger.warn(`the check of child executions failed: ${error.message}`),
      );
    this.timer = setInterval(sweep, this.settings.DISPATCH_POLL_INTERVAL_MS);
    this.timer.unref();
    sweep();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Call this after the commit of a child's end. */
  childEnded(parentId: string): void {
    this.control.childEnds.next(parentId);
  }

  /** Call this when parents may have to queue children, such as after a resume. */
  notify(parentIds: readonly string[]): void {
    if (parentIds.length === 0) return;
    for (const id of parentIds) this.changed.add(id);
    // A failed run keeps its parents for the next sweep, and logs the failure itself.
    void this.update();
  }

  /**
   * Finds what a crash or an outage has left undone: parents without a running child that must queue one or end their wait,
   * cancelled executions whose owners do not end them, and open children of parents that have ended.
   */
  async sweep(): Promise<void> {
    this.sweeps += 1;
    await this.control.displaceOwners();
    const stalled = await this.database.pool.query<{ id: string }>(STALLED);
    this.notify([...stalled.rows.map(({ id }) => id), ...this.changed]);
    if (this.sweeps % SWEEPS_PER_ORPHAN_CHECK !== 1) return;
    await this.markAgain();
    const orphans = await this.database.pool.query<{ id: string }>(ORPHANS);
    for (const { id } of orphans.rows) {
      this.logger.warn('the execution has ended before its children, which are cancelled', {
        executionId: id,
      });
      await this.control.cancelBelow(id, { by: null, reason: 'the parent execution has ended' });
    }
  }

  private async markAgain(): Promise<void> {
    const { rows } = await this.database.pool.query<{
      id: string;
      desired: 'pause' | 'cancel';
      by: string | null;
      reason: string | null;
    }>(UNMARKED);
    for (const { id, desired, by, reason } of rows) {
      if (desired === 'cancel') await this.control.cancelBelow(id, { by, reason });
      else await this.control.mark(id, desired, { by, reason });
      this.notify([id]);
    }
  }

  private async updateChanged(): Promise<void> {
    while (this.changed.size > 0) {
      const parentIds = [...this.changed].slice(0, MAX_PARENTS);
      for (const id of parentIds) this.changed.delete(id);
      try {
        await this.updateParents(parentIds);
      } catch (error) {
        for (const id of parentIds) this.changed.add(id);
        this.logger.warn(
          `the ends of child executions could not be processed; this will be tried again: ${(error as Error).message}`,
        );
        return;
      }
    }
  }

  private async updateParents(parentIds: readonly string[]): Promise<void> {
    const { waits, queued, left } = await this.settlement.transaction(parentIds, async ({ client, end }) => {
      const found = await this.readWaits(client, parentIds);
      const toQueue = found.filter((wait) => isRunning(wait) && wait.active < wait.children.concurrency);
      const count = toQueue.length > 0 ? await queueNext(client, toQueue) : 0;
      const wanted = toQueue.reduce((sum, { children, active }) => sum + children.concurrency - active, 0);
      const locked = count < wanted ? await findLeft(client, toQueue) : [];
      const done = found.filter((wait) => isDone(wait) && wait.desired !== 'cancel');
      if (done.length > 0)
        await end(done.map(({ waitId }) => ({ waitId, outcome: 'children-done' as const, by: null })));
      return { waits: found, queued: count, left: locked };
    });
    if (queued > 0) this.control.queued.next();
    if (left.length > 0) setTimeout(() => this.notify(left), LOCKED_DELAY_MS).unref();
    for (const wait of waits) {
      if (isDone(wait)) this.sizes.forget(wait.parentId);
      else if ((wait.hasFailed || wait.isTooLarge) && wait.desired !== 'cancel') this.cancelOthers(wait);
    }
    const cancelled = new Set(
      waits
        .filter(({ desired, isOwned }) => desired === 'cancel' && !isOwned)
        .map(({ parentId }) => parentId),
    );
    for (const id of cancelled) await this.endCancelled(id);
  }

  private async readWaits(client: pg.PoolClient, parentIds: readonly string[]): Promise<OpenWait[]> {
    const { rows } = await client.query<Omit<OpenWait, 'isTooLarge'>>({
      name: 'children-waits',
      text: OPEN_WAITS,
      values: [parentIds],
    });
    const waits: OpenWait[] = [];
    for (const row of rows) waits.push({ ...row, isTooLarge: await this.sizes.isExceeded(client, row) });
    return waits;
  }

  /** Cancels the other children of a wait. Their ends lead back to `updateParents`. */
  private cancelOthers({ waitId, parentId, nodeId, hasFailed }: OpenWait): void {
    if (this.cancelling.has(waitId)) return;
    this.cancelling.add(waitId);
    const reason = hasFailed
      ? 'another child execution has not completed'
      : 'the outputs of the child executions are too large together';
    this.control
      .cancelBelow(parentId, { by: null, reason, nodeId })
      .catch((error: Error) =>
        this.logger.warn(`child executions could not be cancelled yet: ${error.message}`, {
          executionId: parentId,
        }),
      )
      .finally(() => this.cancelling.delete(waitId));
  }

  /** Ends a cancelled parent that no process owns, if its last child has ended. */
  private async endCancelled(parentId: string): Promise<void> {
    const { rows } = await this.database.pool.query<{ by: string | null; reason: string | null }>(
      'SELECT desired_state_by AS by, desired_state_reason AS reason FROM cloutagent.executions WHERE id = $1',
      [parentId],
    );
    const [request] = rows;
    if (request) await this.journal.appendIfUnowned(parentId, request);
  }
}

const isDone = ({ active, hasWaiting }: OpenWait): boolean => active === 0 && !hasWaiting;

/** Whether further children may be queued. */
const isRunning = ({ desired, hasWaiting, hasFailed, isTooLarge }: OpenWait): boolean =>
  desired === 'run' && hasWaiting && !hasFailed && !isTooLarge;

/** Returns the parents that still have a child to queue although they want more. */
async function findLeft(client: pg.PoolClient, waits: readonly OpenWait[]): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>({
    name: 'children-left',
    text: LEFT,
    values: [waits.map(({ parentId }) => parentId)],
  });
  return rows.map(({ id }) => id);
}

async function queueNext(client: pg.PoolClient, waits: readonly OpenWait[]): Promise<number> {
  const { rowCount } = await client.query({
    name: 'children-queue-next',
    text: QUEUE_NEXT,
    values: [
      waits.map(({ parentId }) => parentId),
      waits.map(({ waitId }) => waitId),
      waits.map(({ children, active }) => children.concurrency - active),
    ],
  });
  return rowCount ?? 0;
}
