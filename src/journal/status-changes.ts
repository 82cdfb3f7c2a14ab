import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { ExecutionStatus } from '@cloutagent/contract';
import { type Observable, Subject } from 'rxjs';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { EventNotifier } from './event-notifier.js';
import { NotificationSource } from './notification-source.js';

/**
 * An execution and when its status changed. "When" is the transaction (`xid8`): these are ordered, and a snapshot says
 * which have ended, so that none is missed however late it commits.
 */
export interface StatusChange {
  ordinal: number;
  executionId: string;
  projectId: string;
  tags: readonly string[];
  status: ExecutionStatus;
  ended: boolean;
  createdXid: number;
  /** When it last became running. */
  runningXid: number | null;
  pausedXid: number | null;
  changedXid: number;
}

/** Which executions a look is for; all of what is left out. */
export interface ChangesFilter {
  projectIds?: readonly string[] | undefined;
  tag?: string | undefined;
}

export interface Changes {
  rows: readonly StatusChange[];
  /** All transactions before this one were over: none of them can change what was just read. */
  horizon: number;
}

export const STATUS_COLUMNS = `
  e.ordinal, e.id AS "executionId", e.project_id AS "projectId", e.tags, e.status, e.completed_at IS NOT NULL AS ended,
  e.created_xid::text::bigint AS "createdXid", e.running_xid::text::bigint AS "runningXid",
  e.paused_xid::text::bigint AS "pausedXid", e.changed_xid::text::bigint AS "changedXid"`;
/** Restored from another cluster, rows may be of transactions that are yet to come here. */
export const NOT_OF_THE_FUTURE = 'e.changed_xid < pg_snapshot_xmax(pg_current_snapshot())';

const CHANGED = `
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, e.* FROM (SELECT) AS one LEFT JOIN LATERAL (
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE (e.changed_xid, e.ordinal) > ($1::text::xid8, $2::bigint) AND ${NOT_OF_THE_FUTURE}
      AND ($3::text[] IS NULL OR e.project_id = ANY ($3)) AND ($4::text IS NULL OR $4 = ANY (e.tags))
    ORDER BY e.changed_xid, e.ordinal LIMIT $5
  ) AS e ON true ORDER BY e."changedXid", e.ordinal`;
const PAGE = 500;

/**
 * Tells streams of many executions what starts, pauses and ends, here and in other processes. One query serves all of
 * them, when somebody says that there is something, and now and then in case nobody could. It looks only while it is held.
 */
@Injectable()
export class StatusChanges implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(StatusChanges.name);
  private readonly told = new Subject<Changes>();
  private holders = 0;
  private started: Promise<void> | undefined;
  private polling = false;
  private pollAgain = false;
  private timer: NodeJS.Timeout | undefined;

  /** What changed since the look before; the same may be told again. */
  readonly changes: Observable<Changes> = this.told;
  /** Up to where all was told. */
  horizon = 0;

  constructor(
    private readonly database: Database,
    private readonly announcer: EventNotifier,
    private readonly relay: NotificationSource,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_POLL_INTERVAL_MS'>,
  ) {}

  onModuleInit(): void {
    this.announcer.statusChanges.subscribe(() => this.poll());
    this.relay.hints.subscribe(({ statusChanged }) => statusChanged && this.poll());
    this.relay.missed.subscribe(() => this.poll());
    this.timer = setInterval(() => this.poll(), this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /**
   * Tells changes until the hold is given back.
   * @returns once `horizon` counts
   */
  async hold(): Promise<void> {
    this.holders += 1;
    this.started ??= this.read(Number.MAX_SAFE_INTEGER, 0, {}).then(({ horizon }) => {
      this.horizon = horizon;
    });
    await this.started.catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
  }

  /** Gives a hold back. */
  release(): void {
    this.holders -= 1;
    if (this.holders === 0) this.started = undefined;
  }

  /** Everything that changed in a transaction or later, in that order, by page. */
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

  private poll(): void {
    if (this.holders === 0) return;
    if (this.polling) {
      this.pollAgain = true;
      return;
    }
    this.polling = true;
    void this.tell()
      .catch((error: Error) => this.logger.warn(`status changes could not be read: ${error.message}`))
      .finally(() => {
        this.polling = false;
        if (!this.pollAgain) return;
        this.pollAgain = false;
        this.poll();
      });
  }

  private async tell(): Promise<void> {
    await this.started;
    const from = this.horizon;
    const rows: StatusChange[] = [];
    let horizon = from;
    for await (const page of this.since(from, {})) {
      rows.push(...page.rows);
      horizon = page.horizon;
    }
    this.horizon = horizon;
    this.told.next({ rows, horizon });
  }

  private async read(transaction: number, ordinal: number, filter: ChangesFilter): Promise<Changes> {
    const { rows } = await this.database.pool.query<Record<string, string> & { ordinal: string | null }>({
      name: 'status-changes',
      text: CHANGED,
      values: [String(transaction), ordinal, filter.projectIds ?? null, filter.tag ?? null, PAGE],
    });
    return {
      rows: rows.filter(({ ordinal }) => ordinal !== null).map(toChange),
      horizon: Number(rows[0]!['horizon']),
    };
  }
}

/** A row of `STATUS_COLUMNS`; pg gives 64-bit integers as text, and all of these fit a number. */
export function toChange(row: Record<string, unknown>): StatusChange {
  const number = (value: unknown) => (value === null ? null : Number(value));
  return {
    ...(row as unknown as StatusChange),
    ordinal: Number(row['ordinal']),
    createdXid: Number(row['createdXid']),
    runningXid: number(row['runningXid']),
    pausedXid: number(row['pausedXid']),
    changedXid: Number(row['changedXid']),
  };
}
