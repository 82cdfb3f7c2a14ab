import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { WaitKind } from '@cloutagent/contract';
import { coalesce } from '../../common/coalesce.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { Logger } from '../../logging/logger.js';
import { WaitSettlement } from './wait-settlement.js';

/** Waits that one transaction ends. */
const PAGE = 200;

// The process's clock takes no part: `dueInMs` is by the clock of the database.
const DUE = `
  SELECT id, execution_id AS "executionId", kind,
    extract(epoch FROM until - clock_timestamp())::float8 * 1000 AS "dueInMs"
  FROM cloutagent.waits WHERE outcome IS NULL AND until IS NOT NULL ORDER BY until LIMIT ${PAGE}`;

interface DueWait {
  id: string;
  executionId: string;
  kind: WaitKind;
  dueInMs: number;
}

/**
 * Ends the waits whose time has come: timers fire, all others expire. Every process looks for them with one query, so that a
 * wait needs no owner and no timer of its own. Of two processes that find the same wait, one ends it.
 */
@Injectable()
export class WaitTimers implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(WaitTimers.name);
  private readonly poll = coalesce(() => this.endDue());
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    private readonly database: Database,
    private readonly settlement: WaitSettlement,
    @Inject(Settings) private readonly settings: Pick<Settings, 'TIMER_POLL_INTERVAL_MS'>,
  ) {}

  onApplicationBootstrap(): void {
    void this.poll();
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.poll();
  }

  private async endDue(): Promise<void> {
    if (this.isStopped) return;
    clearTimeout(this.timer);
    let nextInMs = this.settings.TIMER_POLL_INTERVAL_MS;
    try {
      const { rows } = await this.database.pool.query<DueWait>({ name: 'waits-due', text: DUE });
      const due = rows.filter(({ dueInMs }) => dueInMs <= 0);
      if (due.length > 0) await this.end(due);
      const next = rows.find(({ dueInMs }) => dueInMs > 0);
      // A full page may hide further waits that are due.
      if (due.length === PAGE) nextInMs = 0;
      else if (next) nextInMs = Math.min(nextInMs, next.dueInMs);
    } catch (error) {
      this.logger.warn(`due waits could not be ended, this will be tried again: ${(error as Error).message}`);
    }
    this.schedule(nextInMs);
  }

  private schedule(inMs: number): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => void this.poll(), Math.ceil(inMs));
    this.timer.unref();
  }

  private async end(due: readonly DueWait[]): Promise<void> {
    const executionIds = [...new Set(due.map(({ executionId }) => executionId))];
    await this.settlement.transaction(executionIds, ({ end }) =>
      end(
        due.map(({ id, kind }) => ({
          waitId: id,
          outcome: kind === 'timer' ? 'fired' : 'expired',
          by: null,
        })),
      ),
    );
  }
}
