import { Inject, Injectable } from '@nestjs/common';
import { Subject } from 'rxjs';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { DesiredState } from '../../database/schema.js';
import { Journal } from '../../journal/journal.js';
import { Logger } from '../../logging/logger.js';
import { CANCELLABLE_BELOW, DISPLACE, HAS_OPEN_CHILD, MARK } from './tree-statements.js';

/** How long `endChildren` waits before it reads again whether children are open. Ends in this process are known at once. */
const POLL_MIN_MS = 50;
const POLL_MAX_MS = 1_000;

/** A request for all executions below one. */
export interface TreeRequest {
  /** Id of the principal; null for the server itself. */
  by: string | null;
  reason: string | null;
  /** Only the children of this node, and those below them. */
  nodeId?: string | null | undefined;
}

interface Marked {
  id: string;
  parentId: string;
  isOwned: boolean;
  parked: boolean;
}

interface Unowned {
  id: string;
  isUnstarted: boolean;
  by: string | null;
  reason: string | null;
}

/** Pauses, resumes and cancels the executions below one. */
@Injectable()
export class TreeControl {
  private readonly logger = new Logger(TreeControl.name);
  /** Emits the ids of executions whose owners have to apply a request. */
  readonly requested = new Subject<readonly string[]>();
  /** Emits when executions can be claimed. */
  readonly queued = new Subject<void>();
  /** Emits the id of the parent when a child has ended in this process. */
  readonly childEnds = new Subject<string>();

  constructor(
    private readonly database: Database,
    private readonly journal: Journal,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CANCEL_GRACE_MS'>,
  ) {
    journal.unownedChildEnds.subscribe((parentId) => this.childEnds.next(parentId));
  }

  /**
   * Marks all open executions below one with a desired state, and notifies their owners. A child that is inserted at the
   * same time copies the mark of its parent's row, so the marking ends when a statement finds no further execution.
   * @returns the ids of the parents of the marked executions
   */
  async mark(
    parentId: string,
    desired: DesiredState,
    { by, reason, nodeId = null }: TreeRequest,
  ): Promise<ReadonlySet<string>> {
    const parents = new Set<string>();
    for (;;) {
      const { rows } = await this.database.pool.query<Marked>(MARK, [parentId, nodeId, desired, by, reason]);
      if (rows.length === 0) return parents;
      for (const row of rows) parents.add(row.parentId);
      this.requested.next(rows.filter(({ isOwned }) => isOwned).map(({ id }) => id));
      if (desired !== 'cancel' && rows.some(({ isOwned, parked }) => !isOwned && parked)) this.queued.next();
    }
  }

  /**
   * Cancels all executions below one. Those that no process owns have ended when this resolves, except those above an
   * execution that its owner has not ended yet: they end after it.
   */
  async cancelBelow(parentId: string, request: TreeRequest): Promise<void> {
    await this.mark(parentId, 'cancel', request);
    await this.endUnowned(parentId, request.nodeId);
  }

  /** Cancels all executions below one and waits until they have ended. */
  async endChildren(parentId: string, request: TreeRequest): Promise<void> {
    for (let delayMs = POLL_MIN_MS; ; delayMs = Math.min(2 * delayMs, POLL_MAX_MS)) {
      // Listens before it reads, so that no end falls between the two.
      using end = this.nextEnd(parentId, delayMs);
      await this.cancelBelow(parentId, request);
      if (!(await this.hasOpenChild(parentId, request.nodeId))) return;
      await end.promise;
    }
  }

  /**
   * Takes cancelled executions away from owners that have not ended them within CANCEL_GRACE_MS, and ends them.
   * @returns the number of executions
   */
  async displaceOwners(): Promise<number> {
    const { rows } = await this.database.pool.query<Omit<Unowned, 'isUnstarted'>>(DISPLACE, [
      this.settings.CANCEL_GRACE_MS,
    ]);
    for (const execution of rows) {
      this.logger.warn(
        `the owner of the execution did not end it within ${this.settings.CANCEL_GRACE_MS} ms (CANCEL_GRACE_MS), so it is taken over`,
        { executionId: execution.id },
      );
      await this.end(execution);
    }
    return rows.length;
  }

  private async hasOpenChild(parentId: string, nodeId: string | null | undefined): Promise<boolean> {
    const { rows } = await this.database.pool.query<{ open: boolean }>(HAS_OPEN_CHILD, [
      parentId,
      nodeId ?? null,
    ]);
    return rows[0]!.open;
  }

  /** Ends the executions below one that no process owns, from the deepest to the highest. */
  private async endUnowned(parentId: string, nodeId: string | null | undefined): Promise<void> {
    for (;;) {
      const { rows } = await this.database.pool.query<Unowned>(CANCELLABLE_BELOW, [parentId, nodeId ?? null]);
      if (rows.length === 0) return;
      let ended = 0;
      const unstarted = Map.groupBy(
        rows.filter(({ isUnstarted }) => isUnstarted),
        ({ by, reason }) => JSON.stringify([by, reason]),
      );
      for (const group of unstarted.values())
        ended += await this.journal.cancelUnstarted(
          group.map(({ id }) => id),
          group[0]!,
        );
      for (const execution of rows) if (!execution.isUnstarted && (await this.end(execution))) ended += 1;
      // The others were claimed since they were read. Their owners end them.
      if (ended === 0) return;
    }
  }

  /** @returns false if a process has claimed the execution, or it has ended */
  private async end({ id, by, reason }: Omit<Unowned, 'isUnstarted'>): Promise<boolean> {
    try {
      return await this.journal.appendIfUnowned(id, { by, reason });
    } catch (error) {
      this.logger.warn(`the execution could not be cancelled yet: ${(error as Error).message}`, {
        executionId: id,
      });
      return false;
    }
  }

  /** Resolves when a child of the execution ends in this process, or after a time. */
  private nextEnd(parentId: string, delayMs: number): Disposable & { promise: Promise<void> } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    const subscription = this.childEnds.subscribe((id) => id === parentId && resolve());
    return {
      promise,
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        subscription.unsubscribe();
      },
    };
  }
}
