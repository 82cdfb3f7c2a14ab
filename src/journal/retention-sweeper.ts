import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';

/** Roots that one transaction deletes. */
const BATCH = 100;
/** Advisory lock that lets one process sweep at a time. */
export const RETENTION_LOCK = 0x72657461;

/** Undelivered events: those that are pending, and those that wait for an operator. */
const UNDELIVERED = '(d.due_at IS NOT NULL OR d.dead_at IS NOT NULL)';

/** Webhooks get events of roots alone. */
const UNDELIVERED_TO_WEBHOOK = '(q.due_at IS NOT NULL OR q.dead_at IS NOT NULL)';

/** Executions of whole trees that one transaction deletes, unless a single tree is larger. */
const BATCH_WITH_CHILDREN = 1_000;

// A root that a client deletes at the same time is passed over.
// A child is deleted with its root, and never alone. All parts of a statement see the same snapshot, so the last one still
// sees the deliveries that the DELETE removes.
const DELETE = `
  WITH roots AS MATERIALIZED (
    SELECT e.id, e.completed_at, 1 + (SELECT count(*) FROM cloutagent.executions AS c WHERE c.root_id = e.id) AS size
    FROM cloutagent.executions AS e
    WHERE e.completed_at < now() - make_interval(days => $1) AND e.parent_id IS NULL AND (
      e.completed_at < now() - make_interval(days => $1) - make_interval(days => $2)
      OR NOT EXISTS (
        SELECT FROM cloutagent.deliveries AS d WHERE ${UNDELIVERED} AND (d.execution_id = e.id
          OR d.execution_id IN (SELECT c.id FROM cloutagent.executions AS c WHERE c.root_id = e.id)))
      AND NOT EXISTS (
        SELECT FROM cloutagent.webhook_queue AS q WHERE q.execution_id = e.id AND ${UNDELIVERED_TO_WEBHOOK}))
    ORDER BY e.completed_at LIMIT $3 FOR UPDATE OF e SKIP LOCKED
  ), batch AS (
    SELECT id FROM (SELECT id, size, sum(size) OVER (ORDER BY completed_at, id) AS total FROM roots) AS counted
    WHERE total - size = 0 OR total <= ${BATCH_WITH_CHILDREN}
  ), expired AS (
    DELETE FROM cloutagent.executions AS e
    WHERE e.id IN (SELECT id FROM batch) OR e.root_id IN (SELECT id FROM batch) RETURNING e.id, e.parent_id
  ), events AS (DELETE FROM cloutagent.events USING expired WHERE execution_id = expired.id)
  SELECT (SELECT count(*)::int FROM expired) AS deleted,
    (SELECT count(*) FROM batch) = $3 OR (SELECT count(*) FROM batch) < (SELECT count(*) FROM roots) AS "hasMore", ARRAY (
    SELECT d.subscriber FROM expired JOIN cloutagent.deliveries AS d ON d.execution_id = expired.id WHERE ${UNDELIVERED}
    UNION ALL
    SELECT 'webhook ' || q.webhook_id FROM expired JOIN cloutagent.webhook_queue AS q ON q.execution_id = expired.id
    WHERE ${UNDELIVERED_TO_WEBHOOK}
  ) AS undelivered`;

/** Deliveries that the deletion of their subscriber has left, because its process ended. */
const DELETE_ORPHANS = `
  DELETE FROM cloutagent.deliveries WHERE (execution_id, subscriber) IN (
    SELECT execution_id, subscriber FROM cloutagent.deliveries AS d
    WHERE NOT EXISTS (SELECT FROM cloutagent.subscribers WHERE id = d.subscriber) LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

/**
 * Deletes executions that ended more than RETENTION_DAYS ago, with their events. A root takes the executions below it along. An execution with events that a durable
 * subscriber or a webhook has not got is kept for up to UNDELIVERED_RETENTION_DAYS longer. Expired answers to key requests
 * are deleted too, deliveries of subscribers that do not exist, keys of deleted executions, and operations that ended long ago.
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
    await this.database.pool.query('DELETE FROM cloutagent.deleted_requests WHERE expires_at < now()');
    await this.database.pool.query(
      'DELETE FROM cloutagent.operations WHERE completed_at < now() - make_interval(days => $1)',
      [this.settings.RETENTION_DAYS],
    );
    while ((await this.database.pool.query(DELETE_ORPHANS)).rowCount);
    let deleted = 0;
    for (;;) {
      const batch = await this.deleteBatch();
      deleted += batch.deleted;
      if (!batch.hasMore) return deleted;
    }
  }

  private deleteBatch(): Promise<{ deleted: number; hasMore: boolean }> {
    return this.database.transaction(async (client) => {
      const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS got', [
        RETENTION_LOCK,
      ]);
      if (!rows[0]?.got) return { deleted: 0, hasMore: false };
      const { RETENTION_DAYS, UNDELIVERED_RETENTION_DAYS } = this.settings;
      const result = await client.query<{ deleted: number; hasMore: boolean; undelivered: string[] }>(
        DELETE,
        [RETENTION_DAYS, UNDELIVERED_RETENTION_DAYS, BATCH],
      );
      const { deleted, hasMore, undelivered } = result.rows[0]!;
      if (undelivered.length > 0) this.logUndelivered(undelivered);
      return { deleted, hasMore };
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
