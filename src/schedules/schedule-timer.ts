import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { coalesce } from '../common/coalesce.js';
import { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { detached } from '../logging/work-context.js';
import { DueSchedules } from './due-schedules.js';
import { SchedulesRepository } from './schedules.repository.js';

/** Schedules that a process handles at the same time. Each takes a connection, and another one for its start. */
const MAX_PARALLEL = 4;

/**
 * Wakes at due times, by the clock of the database. Each process has one timer for all schedules, set by one query for the first
 * due time. It asks again after TIMER_POLL_INTERVAL_MS, because another process may have changed a schedule.
 */
@Injectable()
export class ScheduleTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ScheduleTimer.name);
  private readonly poll = coalesce(() => detached(() => this.handleDue()));
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly due: DueSchedules,
    private readonly schedules: SchedulesRepository,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'TIMER_POLL_INTERVAL_MS' | 'DATABASE_POOL_SIZE'>,
  ) {}

  onApplicationBootstrap(): void {
    void this.poll();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.poll();
  }

  /** Call this when a schedule has changed. */
  notify(): void {
    void this.poll();
  }

  private async handleDue(): Promise<void> {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    let nextInMs = this.settings.TIMER_POLL_INTERVAL_MS;
    try {
      const dueInMs = await this.schedules.nextInMs();
      if (dueInMs !== undefined && dueInMs <= 0) {
        await this.handleAll();
        nextInMs = Math.min(nextInMs, (await this.schedules.nextInMs()) ?? nextInMs);
      } else if (dueInMs !== undefined) nextInMs = Math.min(nextInMs, dueInMs);
    } catch (error) {
      this.logger.warn(
        `due schedules could not be handled, this will be tried again: ${(error as Error).message}`,
      );
    }
    this.schedule(nextInMs);
  }

  private async handleAll(): Promise<void> {
    const parallel = Math.max(1, Math.min(MAX_PARALLEL, Math.floor(this.settings.DATABASE_POOL_SIZE / 3)));
    const work = async () => {
      while (!this.isStopped && (await this.due.handleNext()));
    };
    await Promise.all(Array.from({ length: parallel }, work));
  }

  private schedule(inMs: number): void {
    if (this.isStopped) return;
    // Another process may hold the first due schedule, so a timer of 0 ms could spin.
    this.timer = setTimeout(() => void this.poll(), Math.max(10, Math.ceil(inMs)));
    this.timer.unref();
  }
}
