import { Inject, Injectable } from '@nestjs/common';
import type pg from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { ExecutionControl } from '../executions/commands/execution-control.js';
import { Logger } from '../logging/logger.js';
import { ProblemError } from '../problems/problem.error.js';
import { CronTimes } from './cron-times.js';
import { dueTimes } from './due-times.js';
import { ownPrincipal, OwnStarts, startFailure } from './own-starts.js';
import { type ScheduleRow, SchedulesRepository } from './schedules.repository.js';

/** When a due time is tried again that another execution, or a failure that may pass, holds up. */
const RETRY_MS = 1_000;
/** When a schedule is tried again that could not be handled at all. */
const POSTPONE_MS = 10_000;

/** A schedule while its due times are handled. */
interface Handling {
  readonly row: ScheduleRow;
  pending: Date[];
  /** The open executions of the schedule. */
  open: string[];
  /** The executions that due times have started, by key. A process that died may have started them. */
  readonly started: ReadonlyMap<string, string>;
  lastExecutionId: string | null;
  lastError: string | null;
  /** Whether a start failed and is tried again. */
  isHeldUp: boolean;
}

const keyOf = (name: string, due: Date): string => `schedule:${name}:${due.toISOString()}`;

/**
 * Handles due times, each once. A transaction locks the row of the schedule, starts the executions and moves `next_at`. The start
 * commits by itself, under an idempotency key made of the due time. If the process dies before the row is moved, the next
 * process finds what was started.
 */
@Injectable()
export class DueSchedules {
  private readonly logger = new Logger(DueSchedules.name);

  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly starts: OwnStarts,
    private readonly control: ExecutionControl,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_QUEUED_PER_SCHEDULE' | 'SCHEDULE_LATE_TIMEOUT_MS'>,
  ) {}

  /**
   * Handles the schedule that has been due for longest.
   * @returns whether there was one
   */
  async handleNext(): Promise<boolean> {
    let claimed: ScheduleRow | undefined;
    try {
      return await this.database.transaction(async (client) => {
        const due = await this.schedules.claim(client);
        claimed = due?.row;
        if (due) await this.handle(client, due.row, due.now);
        return due !== undefined;
      });
    } catch (error) {
      if (!claimed) throw error;
      const { projectId, name } = claimed;
      this.logger.error(
        `the schedule ${name} of project ${projectId} could not be handled, this will be tried again`,
        error,
      );
      await this.schedules.postpone(claimed, POSTPONE_MS);
      return true;
    }
  }

  private async handle(client: pg.PoolClient, row: ScheduleRow, now: Date): Promise<void> {
    const { projectId, name, nextAt, catchUp } = row;
    const limit = this.settings.MAX_QUEUED_PER_SCHEDULE;
    const cron = new CronTimes(row.cron, row.timeZone);
    const isDue = nextAt !== null && nextAt <= now;
    const due = isDue
      ? dueTimes(cron, { nextAt, now, catchUp }, { lateMs: this.settings.SCHEDULE_LATE_TIMEOUT_MS, limit })
      : undefined;
    const pending = [...row.pending, ...(due?.missed ?? [])];
    const keys = [...pending, ...(due?.onTime ?? [])].map((time) => keyOf(name, time));
    const handling: Handling = {
      row,
      pending,
      open: await this.openExecutions(client, row),
      started: await this.starts.find(ownPrincipal('schedule', projectId, name), keys),
      lastExecutionId: row.lastExecutionId,
      lastError: due?.hasDropped
        ? `More than ${limit} due times were missed, so the oldest ones are left out (MAX_QUEUED_PER_SCHEDULE).`
        : due
          ? null
          : row.lastError,
      isHeldUp: false,
    };
    await this.startPending(handling);
    for (const time of due?.onTime ?? []) await this.handleOnTime(handling, time);
    await this.schedules.handled(client, {
      projectId,
      name,
      nextAt: due ? (cron.next(due.newest) ?? null) : nextAt,
      pending: handling.pending,
      lastAt: due?.newest ?? row.lastAt,
      lastExecutionId: handling.lastExecutionId,
      lastError: handling.lastError,
      retryMs: handling.pending.length > 0 ? RETRY_MS : undefined,
    });
  }

  /** Starts the executions of pending due times, one after the other. */
  private async startPending(handling: Handling): Promise<void> {
    while (handling.pending.length > 0 && !handling.isHeldUp) {
      const [due] = handling.pending;
      const isStarted = handling.started.has(keyOf(handling.row.name, due!));
      if (!isStarted && handling.open.length > 0) return;
      if (await this.start(handling, due!)) handling.pending.shift();
    }
  }

  private async handleOnTime(handling: Handling, due: Date): Promise<void> {
    const { row, open, pending, started } = handling;
    const isBusy = open.length > 0 || pending.length > 0;
    // While earlier due times are made up for, this one waits for its turn.
    const mayCancel = row.overlap === 'cancel-running' && pending.length === 0;
    if (started.has(keyOf(row.name, due)) || !isBusy || mayCancel) {
      if (mayCancel && !started.has(keyOf(row.name, due))) await this.cancelOpen(handling);
      if (!(await this.start(handling, due))) pending.push(due);
    } else if (row.overlap === 'skip' && !handling.isHeldUp)
      handling.lastError = `The due time ${due.toISOString()} was skipped, because ${
        open[0] ? `the execution ${open[0]} is still open` : 'earlier due times are still pending'
      } (overlap: skip).`;
    else if (pending.length < this.settings.MAX_QUEUED_PER_SCHEDULE) pending.push(due);
    else
      handling.lastError = `The due time ${due.toISOString()} was skipped, because ${pending.length} earlier ones are still pending (MAX_QUEUED_PER_SCHEDULE).`;
  }

  /**
   * Starts the execution of a due time.
   * @returns whether the due time is done: false if the start is to be tried again
   */
  private async start(handling: Handling, due: Date): Promise<boolean> {
    const { row, started } = handling;
    const key = keyOf(row.name, due);
    try {
      const id =
        started.get(key) ??
        (await this.starts.start(row, ownPrincipal('schedule', row.projectId, row.name), key));
      if (!handling.open.includes(id)) handling.open = [...handling.open, id];
      handling.lastExecutionId = id;
      return true;
    } catch (error) {
      const failure = startFailure(error);
      if (failure === undefined && !(error instanceof ProblemError)) throw error;
      const { message } = error as ProblemError;
      handling.lastError = failure ?? `${message} This will be tried again.`;
      handling.isHeldUp = failure === undefined;
      this.logger.warn(
        `the schedule ${row.name} of project ${row.projectId} started nothing at ${due.toISOString()}: ${handling.lastError}`,
      );
      return failure !== undefined;
    }
  }

  private async cancelOpen(handling: Handling): Promise<void> {
    const { projectId, name } = handling.row;
    const principal = ownPrincipal('schedule', projectId, name);
    for (const id of handling.open)
      await this.control
        .request(id, 'cancel', principal, 'The next due time of its schedule has come.')
        .catch((error: unknown) => {
          // It has ended in the meantime.
          if (!(error instanceof ProblemError)) throw error;
        });
    handling.open = [];
  }

  private async openExecutions(client: pg.PoolClient, { projectId, name }: ScheduleRow): Promise<string[]> {
    // The second condition on created_by makes PostgreSQL use the index of schedules.
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM cloutagent.executions WHERE project_id = $1 AND created_by = $2
         AND completed_at IS NULL AND parent_id IS NULL AND created_by LIKE 'schedule:%' ORDER BY id`,
      [projectId, `schedule:${name}`],
    );
    return rows.map(({ id }) => id);
  }
}
