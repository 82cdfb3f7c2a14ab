import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';
import { readCounts, type StatusCounts, sumCounts } from './execution-counts.js';

/** Sums the changes of the numbers of executions in the background. */
@Injectable()
export class ExecutionCounter implements OnApplicationBootstrap, OnModuleDestroy {
  /** The numbers of root executions of all projects together, as of the last run. */
  counts: StatusCounts = {};
  private readonly logger = new Logger(ExecutionCounter.name);
  private timer: NodeJS.Timeout | undefined;
  private isRunning = false;

  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'COUNT_SUM_INTERVAL_MS'>,
  ) {}

  onApplicationBootstrap(): void {
    void this.run();
    this.timer = setInterval(() => void this.run(), this.settings.COUNT_SUM_INTERVAL_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      await sumCounts(this.database.pool);
      this.counts = await readCounts(this.database.pool);
    } catch (error) {
      this.logger.warn(`the numbers of executions could not be summed: ${(error as Error).message}`);
    } finally {
      this.isRunning = false;
    }
  }
}
