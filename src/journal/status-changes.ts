import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { ExecutionStatus } from '@cloutagent/contract';
import { type Observable, Subject } from 'rxjs';
import { coalesce } from '../common/coalesce.js';
import { Holder } from '../common/holder.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';
import { EventNotifier } from './event-notifier.js';
import { NotificationTransport } from './notifications/notification-transport.js';

/**
 * The status of an execution and the transactions (`xid8`) that changed it. Transaction ids are ordered, and a snapshot
 * says which transactions have ended. So a reader finds every change, however late it is committed.
 */
export interface StatusChange {
  ordinal: number;
  executionId: string;
  projectId: string;
  tags: readonly string[];
  /** The execution at the top of its tree; null for a root. */
  rootId: string | null;
  status: ExecutionStatus;
  ended: boolean;
  createdXid: number;
  /** The transaction that last set the status to running. */
  runningXid: number | null;
  waitingXid: number | null;
  pausedXid: number | null;
  changedXid: number;
}

/** The executions whose changes are read. A condition that is left out matches every execution. */
export interface ChangesFilter {
  projectIds?: readonly string[] | undefined;
  tag?: string | undefined;
  /** Only this execution and those below it. Without it, child executions are left out. */
  rootId?: string | undefined;
  /** Whether child executions are read without `rootId`. */
  withChildren?: boolean;
}

export interface Changes {
  rows: readonly StatusChange[];
  /** All transactions before this one had ended when the rows were read, so none of them can add a change. */
  horizon: number;
}

export const STATUS_COLUMNS = `
  e.ordinal, e.id AS "executionId", e.project_id AS "projectId", e.tags, e.root_id AS "rootId", e.status,
  e.completed_at IS NOT NULL AS ended,
  e.created_xid::text::bigint AS "createdXid", e.running_xid::text::bigint AS "runningXid",
  e.waiting_xid::text::bigint AS "waitingXid",
  e.paused_xid::text::bigint AS "pausedXid", e.changed_xid::text::bigint AS "changedXid"`;
/** Leaves out rows that were restored from another cluster and have transaction ids that this one has not reached. */
export const NOT_OF_THE_FUTURE = 'e.changed_xid < pg_snapshot_xmax(pg_current_snapshot())';

const CHANGED = `
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, e.* FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE (e.changed_xid, e.ordinal) > ($1::text::xid8, $2::bigint) AND ${NOT_OF_THE_FUTURE}
      AND ($3::text[] IS NULL OR e.project_id = ANY ($3)) AND ($4::text IS NULL OR $4 = ANY (e.tags))
      AND ($6 OR e.root_id IS NULL)
    ORDER BY e.changed_xid, e.ordinal LIMIT $5
  ) AS e ON true ORDER BY e."changedXid", e.ordinal`;
// The executions of the tree are found first: the index on changes would lead through those of all trees.
const CHANGED_IN_TREE = `
  WITH tree AS MATERIALIZED (
    SELECT * FROM cloutagent.executions WHERE root_id = $3 UNION ALL SELECT * FROM cloutagent.executions WHERE id = $3
  )
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, e.* FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT ${STATUS_COLUMNS} FROM tree AS e
    WHERE (e.changed_xid, e.ordinal) > ($1::text::xid8, $2::bigint) AND ${NOT_OF_THE_FUTURE}
      AND ($4::text[] IS NULL OR e.project_id = ANY ($4))
    ORDER BY e.changed_xid, e.ordinal LIMIT $5
  ) AS e ON true ORDER BY e."changedXid", e.ordinal`;
/** Changes that one query reads. */
const PAGE = 500;

/**
 * Publishes status changes of all processes to the streams of many executions. One query serves all streams of this
 * process. It runs after a notification, and every JOURNAL_POLL_INTERVAL_MS because notifications can get lost. It runs
 * only while a stream holds it.
 */
@Injectable()
export class StatusChanges implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(StatusChanges.name);
  private readonly published = new Subject<Changes>();
  private readonly poll = coalesce(() => this.publishChanges());
  private holders = 0;
  /** Resolves when `horizon` has its first value since there are holders. */
  private started: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /** Emits the changes since the poll before. It can emit a change again. */
  readonly changes: Observable<Changes> = this.published;
  /** All changes by transactions before this one have been published. */
  horizon = 0;

  constructor(
    private readonly database: Database,
    private readonly notifier: EventNotifier,
    private readonly notifications: NotificationTransport,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_POLL_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    const poll = () => void this.poll();
    this.notifier.statusChanges.subscribe(poll);
    this.notifications.hints.subscribe(({ statusChanged }) => statusChanged && poll());
    this.notifications.missed.subscribe(poll);
    this.timer = setInterval(poll, this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Starts to publish changes. They are published until the last holder is released.
   * @returns a holder, once `horizon` is valid
   */
  async acquire(): Promise<Holder> {
    this.holders += 1;
    const holder = new Holder(() => this.release());
    const started = (this.started ??= this.start());
    try {
      await started;
      return holder;
    } catch (error) {
      if (this.started === started) this.started = undefined;
      holder.release();
      throw error;
    }
  }

  private release(): void {
    this.holders -= 1;
    if (this.holders === 0) this.started = undefined;
  }

  /** Reads by page, in order, all changes by a transaction and those after it. */
  async *since(transaction: number, filter: ChangesFilter): AsyncGenerator<Changes> {
    let [after, ordinal] = [transaction, 0];
    let horizon: number | undefined;
    for (;;) {
      const page = await this.read(after, ordinal, filter);
      horizon ??= page.horizon;
      const last = page.rows.at(-1);
      if (!last || page.rows.length < PAGE) {
        yield { rows: page.rows, horizon };
        return;
      }
      yield { rows: page.rows, horizon: Math.min(horizon, last.changedXid) };
      [after, ordinal] = [last.changedXid, last.ordinal];
    }
  }

  private async start(): Promise<void> {
    const { horizon } = await this.read(Number.MAX_SAFE_INTEGER, 0, {});
    this.horizon = horizon;
  }

  private async publishChanges(): Promise<void> {
    if (this.holders === 0) return;
    try {
      await this.started;
      const rows: StatusChange[] = [];
      let { horizon } = this;
      for await (const page of this.since(horizon, { withChildren: true })) {
        rows.push(...page.rows);
        horizon = page.horizon;
      }
      this.horizon = horizon;
      this.published.next({ rows, horizon });
    } catch (error) {
      this.logger.warn(`status changes could not be read: ${(error as Error).message}`);
    }
  }

  private async read(transaction: number, ordinal: number, filter: ChangesFilter): Promise<Changes> {
    const { projectIds = null, tag = null, rootId, withChildren = false } = filter;
    const position = [String(transaction), ordinal];
    const { rows } = await this.database.pool.query<Record<string, string> & { ordinal: string | null }>(
      rootId === undefined
        ? {
            name: 'status-changes',
            text: CHANGED,
            values: [...position, projectIds, tag, PAGE, withChildren],
          }
        : {
            name: 'status-changes-in-tree',
            text: CHANGED_IN_TREE,
            values: [...position, rootId, projectIds, PAGE],
          },
    );
    return {
      rows: rows.filter((row) => row.ordinal !== null).map(toChange),
      horizon: Number(rows[0]!['horizon']),
    };
  }
}

/** Parses a row of `STATUS_COLUMNS`. pg returns 64-bit integers as text, and these ones all fit into a number. */
export function toChange(row: Record<string, unknown>): StatusChange {
  const number = (value: unknown) => (value === null ? null : Number(value));
  return {
    ...(row as unknown as StatusChange),
    ordinal: Number(row['ordinal']),
    createdXid: Number(row['createdXid']),
    runningXid: number(row['runningXid']),
    waitingXid: number(row['waitingXid']),
    pausedXid: number(row['pausedXid']),
    changedXid: Number(row['changedXid']),
  };
}
