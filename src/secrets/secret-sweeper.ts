import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';

/**
 * Deletes the values that were replaced more than an hour ago and that no execution has used. In this hour, an execution
 * that has just read a value records that it uses it.
 */
const DELETE = `
  DELETE FROM cloutagent.secret_versions AS v
  WHERE v.replaced_at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM cloutagent.executions AS e WHERE e.secret_versions @> ARRAY[v.id]
      AND e.secret_versions <> '{}')`;

/** Deletes values of secrets that nothing needs any more, as often as expired executions are deleted. */
@Injectable()
export class SecretSweeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SecretSweeper.name);
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'RETENTION_SWEEP_INTERVAL_MS'>,
  ) {}

  onApplicationBootstrap(): void {
    const run = () =>
      void this.sweep().catch((error: Error) =>
        this.logger.error(`replaced values of secrets could not be deleted: ${error.message}`),
      );
    run();
    this.timer = setInterval(run, this.settings.RETENTION_SWEEP_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Deletes replaced values. @returns their number */
  async sweep(): Promise<number> {
    const { rowCount } = await this.database.pool.query(DELETE);
    return rowCount ?? 0;
  }
}
