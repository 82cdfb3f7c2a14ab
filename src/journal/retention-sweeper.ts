import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';

/** Executions that one transaction deletes. */
const BATCH = 100;
/** Advisory lock that lets one process sweep at a time. */
const RETENTION_LOCK = 0x72657461;

/** Undelivered events: those that are pending, and those that wait for an operator. */
const UNDELIVERED = '(d.due_at IS NOT NULL OR d.dead_at IS NOT NULL)';

// All parts of a statement see the same snapshot, so the last one still sees the deliveries that the DELETE removes.
const DELETE = `
  WITH expired AS (
    DELETE FROM cloutagent.executions WHERE id IN (
      SELECT id FROM cloutagent.executions AS e
      WHERE completed_at < now() - make_interval(days => $1) AND (
        completed_at < now() - make_interval(days => $1) - make_interval(days => $2)
        OR NOT EXISTS (SELECT FROM cloutagent.deliveries AS d WHERE d.execution_id = e.id AND ${UNDELIVERED}))
      ORDER BY completed_at LIMIT $3
    ) RETURNING id
  ), events AS (DELETE FROM cloutagent.events USING expired WHERE execution_id = expired.id)
  SELECT (SELECT count(*)::int FROM expired) AS deleted, ARRAY (
    SELECT d.subscriber FROM expired JOIN cloutagent.deliveries AS d ON d.execution_id = expired.id WHERE ${UNDELIVERED}
  ) AS undelivered`;

/** Deliveries that the deletion of their subscriber has left, because its process ended. */
const DELETE_ORPHANS = `
  DELETE FROM cloutagent.deliveries WHERE (execution_id, subscriber) IN (
    SELECT execution_id, subscriber FROM cloutagent.deliveries AS d
    WHERE NOT EXISTS (SELECT FROM cloutagent.subscribers WHERE id = d.subscriber) LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

/**
 * Deletes executions that ended more than RETENTION_DAYS ago, with their events. An execution with events that a durable
 * subscriber has not got is kept for up to UNDELIVERED_RETENTION_DAYS longer. Expired answers to key requests are deleted too,
 * and deliveries of subscribers that do not exist.
 */
@Injectable()
export class RetentionSweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RetentionSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'RETENTION_DAYS' | 'RETENTION_SWEEP_INTERVAL_MS' | 'UNDELIVERED_RETENTION_DAYS'
    >,
  ) {}

  onApplicationBootstrap(): void {
    const run = () =>
      void this.sweep().catch((error: Error) =>
        this.logger.error(`expired rows could not be deleted: ${error.message}`),
      );
    run();
    this.timer = setInterval(run, this.settings.RETENTION_SWEEP_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Deletes what has expired. @returns the number of executions; less if another process sweeps at the same time */
  async sweep(): Promise<number> {
    await this.database.pool.query('DELETE FROM cloutagent.key_requests WHERE expires_at < now()');
    while ((await this.database.pool.query(DELETE_ORPHANS)).rowCount);
    let deleted = 0;
    for (;;) {
      const batch = await this.deleteBatch();
      deleted += batch;
      if (batch < BATCH) return deleted;
    }
  }

  private deleteBatch(): Promise<number> {
    return this.database.transaction(async (client) => {
      const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS got', [
        RETENTION_LOCK,
      ]);
      if (!rows[0]?.got) return 0;
      const { RETENTION_DAYS, UNDELIVERED_RETENTION_DAYS } = this.settings;
      const result = await client.query<{ deleted: number; undelivered: string[] }>(DELETE, [
        RETENTION_DAYS,
        UNDELIVERED_RETENTION_DAYS,
        BATCH,
      ]);
      const { deleted, undelivered } = result.rows[0]!;
      if (undelivered.length > 0) this.logUndelivered(undelivered);
      return deleted;
    });
  }

  private logUndelivered(subscribers: readonly string[]): void {
    const counts = Map.groupBy(subscribers, (subscriber) => subscriber);
    for (const [subscriber, { length }] of counts)
      this.logger.warn(
        `${length} expired executions were deleted although ${subscriber} has not got all of their events`,
      );
  }
}
