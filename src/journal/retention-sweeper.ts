import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';

/** Executions that one transaction deletes. */
const BATCH = 100;
/** Advisory lock that lets one process sweep at a time. */
const RETENTION_LOCK = 0x72657461;

/** Deletes executions that ended more than RETENTION_DAYS ago, with their events, and the expired answers to key requests. */
@Injectable()
export class RetentionSweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(RetentionSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'RETENTION_DAYS' | 'RETENTION_SWEEP_INTERVAL_MS'>,
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
      const { rowCount } = await client.query(
        `WITH expired AS (
           DELETE FROM cloutagent.executions WHERE id IN (
             SELECT id FROM cloutagent.executions
             WHERE completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT $2
           ) RETURNING id
         ), events AS (DELETE FROM cloutagent.events USING expired WHERE execution_id = expired.id)
         SELECT id FROM expired`,
        [this.settings.RETENTION_DAYS, BATCH],
      );
      return rowCount ?? 0;
    });
  }
}
