import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { coalesce } from '../common/coalesce.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';
import { packEvents, type PackedSize, UnpackableError } from './pack-events.js';

const MS_PER_SECOND = 1_000;
/** Executions that one transaction packs. */
const BATCH = 10;
/** The backlog is counted up to this many executions. */
const MAX_COUNTED = 100_000;
/** Executions that cannot be packed, which this process passes over until it ends. */
const MAX_FAILED = 1_000;

const DUE = `completed_at < now() - $1 * interval '1 ms'`;

// A process that reads no segments would not find the events of packed executions. It is of a release before.
const ALL_READ_SEGMENTS = 'NOT EXISTS (SELECT FROM cloutagent.processes WHERE NOT reads_segments)';

// The time of the batch before passes over the index entries of those that were packed just now.
const NEXT = `
  SELECT u.execution_id AS id, u.completed_at::text AS "completedAt"
  FROM cloutagent.unpacked_executions AS u JOIN cloutagent.executions AS e ON e.id = u.execution_id
  WHERE u.${DUE} AND u.completed_at >= $2::timestamptz AND NOT u.execution_id = ANY ($3::uuid[]) AND ${ALL_READ_SEGMENTS}
  ORDER BY u.completed_at LIMIT ${BATCH} FOR NO KEY UPDATE SKIP LOCKED`;

const MARK = 'DELETE FROM cloutagent.unpacked_executions WHERE execution_id = ANY ($1::uuid[])';

const BACKLOG = `
  SELECT count(*)::int AS count FROM (SELECT FROM cloutagent.unpacked_executions WHERE ${DUE} LIMIT ${MAX_COUNTED}) AS due`;

interface Due {
  id: string;
  completedAt: string;
}

/**
 * Packs the journals of executions that ended longer than JOURNAL_PACK_AFTER_MS ago, no faster than
 * JOURNAL_PACK_EVENTS_PER_SECOND: it replaces their rows by compressed segments. Every process takes part. The lock on an
 * execution's row keeps other packers and deletions away. Nothing is packed while a process runs whose release cannot read
 * segments.
 */
@Injectable()
export class JournalPacker implements OnApplicationBootstrap, OnModuleDestroy {
  /** Counts since the process started. */
  readonly packed = { executions: 0, events: 0, bytesBefore: 0, bytesAfter: 0 };
  /** Executions that were due when it looked last, up to 100,000. */
  backlog = 0;
  private readonly logger = new Logger(JournalPacker.name);
  private readonly stopping = new AbortController();
  private readonly failed = new Set<string>();
  private readonly work = coalesce(() => this.packDue());
  private timer: NodeJS.Timeout | undefined;
  private position = '-infinity';

  constructor(
    private readonly database: Database,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'JOURNAL_PACK_AFTER_MS' | 'JOURNAL_PACK_EVENTS_PER_SECOND' | 'JOURNAL_POLL_INTERVAL_MS'
    >,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.JOURNAL_PACK_EVENTS_PER_SECOND === 0) return;
    const run = () =>
      void Promise.all([this.work(), this.countBacklog()]).catch((error: Error) => {
        // The database is closed while an execution is packed.
        if (!this.stopping.signal.aborted) this.logger.warn(`journals could not be packed: ${error.message}`);
      });
    this.timer = setInterval(run, this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
    run();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    this.stopping.abort();
  }

  private async countBacklog(): Promise<void> {
    const { rows } = await this.database.pool.query<{ count: number }>(BACKLOG, [
      this.settings.JOURNAL_PACK_AFTER_MS,
    ]);
    this.backlog = rows[0]!.count;
  }

  private async packDue(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const began = performance.now();
      const events = await this.packBatch();
      if (events === undefined) return;
      const dueMs = (events / this.settings.JOURNAL_PACK_EVENTS_PER_SECOND) * MS_PER_SECOND;
      const restMs = Math.max(0, began + dueMs - performance.now());
      await sleep(restMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns the number of events; undefined if no execution is due, or other processes pack those that are */
  private async packBatch(): Promise<number | undefined> {
    let current = '';
    try {
      const { last, sizes } = await this.database.transaction(async (client) => {
        // A commit that a crash of PostgreSQL loses is made again: it is lost as a whole.
        await client.query('SET LOCAL synchronous_commit = off');
        const { rows } = await client.query<Due>({
          name: 'pack-next',
          text: NEXT,
          values: [this.settings.JOURNAL_PACK_AFTER_MS, this.position, [...this.failed]],
        });
        const packed: PackedSize[] = [];
        for (const { id } of rows) packed.push(await packEvents(client, (current = id)));
        await client.query(MARK, [rows.map(({ id }) => id)]);
        return { last: rows.at(-1), sizes: packed };
      });
      this.position = last?.completedAt ?? '-infinity';
      for (const size of sizes) this.count(size);
      return last && sizes.reduce((sum, { events }) => sum + events, 0);
    } catch (error) {
      if (!(error instanceof UnpackableError) || this.failed.size === MAX_FAILED) throw error;
      this.failed.add(current);
      this.logger.error('the journal cannot be packed and stays as it is', error, { executionId: current });
      // The others are tried again without it.
      return 0;
    }
  }

  private count({ events, bytesBefore, bytesAfter }: PackedSize): void {
    this.packed.executions += 1;
    this.packed.events += events;
    this.packed.bytesBefore += bytesBefore;
    this.packed.bytesAfter += bytesAfter;
  }
}
