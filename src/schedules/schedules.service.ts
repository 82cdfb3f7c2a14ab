import { Inject, Injectable } from '@nestjs/common';
import type { Execution, PutSchedule, Schedule } from '@cloutagent/contract';
import type { Principal } from '../auth/principal.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { SavedWorkflows } from '../engine/extension/saved-workflows.js';
import { shownTo } from '../executions/commands/execution-inserter.js';
import { ExecutionStarter } from '../executions/commands/execution-starter.js';
import { NotFoundError, type PathError, ProblemError } from '../problems/problem.error.js';
import { CronTimes } from './cron-times.js';
import { checkMayStart, checkProject } from './managed-project.js';
import { ownPrincipal } from './own-starts.js';
import { ScheduleTimer } from './schedule-timer.js';
import { type ScheduleRow, SchedulesRepository } from './schedules.repository.js';

/** Saves, shows and deletes schedules. */
@Injectable()
export class SchedulesService {
  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly workflows: SavedWorkflows,
    private readonly starter: ExecutionStarter,
    private readonly timer: ScheduleTimer,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_SCHEDULES_PER_PROJECT' | 'SCHEDULE_MIN_INTERVAL_MS'>,
  ) {}

  /**
   * Makes a schedule or replaces it. Its next due time stays as it is unless the expression or the zone changes.
   * @throws NotFoundError if the project is not the principal's
   * @throws ProblemError 400 `schedule_invalid`, 403 `insufficient_scope`, 403 `workflow_not_allowed`, 429 `too_many_schedules`
   */
  async put(projectId: string, name: string, content: PutSchedule, principal: Principal): Promise<Schedule> {
    checkMayStart(principal, projectId);
    const cron = this.check(content);
    await this.checkWorkflow(projectId, content.workflowRef);
    const row = await this.database.transaction(async (client) => {
      const { row: old, now } = await this.schedules.lock(client, projectId, name);
      if (!old && (await this.schedules.count(client, projectId)) >= this.settings.MAX_SCHEDULES_PER_PROJECT)
        throw new ProblemError('too_many_schedules');
      const isSameTime = old?.cron === content.cron && old.timeZone === content.timeZone;
      const isKept = isSameTime && old.enabled && content.enabled;
      const nextAt = isKept ? old.nextAt : content.enabled ? (cron.next(now) ?? null) : null;
      if (content.enabled && !nextAt) throw invalid([{ path: 'cron', message: 'has no due time' }]);
      const pending = isKept ? old.pending : [];
      return this.schedules.save(client, { projectId, name, ...content, nextAt, pending }, principal.id);
    });
    this.timer.notify();
    return toSchedule(row);
  }

  /** @throws NotFoundError */
  async get(projectId: string, name: string, principal: Principal): Promise<Schedule> {
    return toSchedule(await this.find(projectId, name, principal));
  }

  /** @throws NotFoundError if the project is not the principal's */
  async list(projectId: string, principal: Principal): Promise<Schedule[]> {
    checkProject(principal, projectId);
    return (await this.schedules.list(projectId)).map(toSchedule);
  }

  /** Deletes a schedule. Its executions stay. @throws NotFoundError */
  async delete(projectId: string, name: string, principal: Principal): Promise<void> {
    checkProject(principal, projectId);
    if (!(await this.schedules.delete(projectId, name))) throw new NotFoundError('schedule');
  }

  /**
   * Starts an execution of a schedule now, whatever else of it is open. Its due times stay as they are.
   * @throws NotFoundError, ProblemError as `put` and as `ExecutionStarter.start`
   */
  async run(
    projectId: string,
    name: string,
    principal: Principal,
    idempotencyKey?: string,
  ): Promise<{ execution: Execution; replayed: boolean }> {
    const { workflowRef, input } = await this.find(projectId, name, principal);
    checkMayStart(principal, projectId);
    const started = await this.starter.start(
      { projectId, workflowRef, input, tags: [] },
      ownPrincipal('schedule', projectId, name),
      idempotencyKey === undefined ? undefined : `run:${name}:${idempotencyKey}`,
    );
    await this.schedules.started(projectId, name, started.execution.id);
    return shownTo(principal, started);
  }

  private async find(projectId: string, name: string, principal: Principal): Promise<ScheduleRow> {
    checkProject(principal, projectId);
    const row = await this.schedules.find(projectId, name);
    if (!row) throw new NotFoundError('schedule');
    return row;
  }

  /** @throws ProblemError 400 `schedule_invalid` */
  private check({ cron, timeZone }: PutSchedule): CronTimes {
    if (!isTimeZone(timeZone))
      throw invalid([
        {
          path: 'timeZone',
          message: 'is not a time zone of the IANA database, such as Europe/Berlin or UTC',
        },
      ]);
    let times: CronTimes;
    try {
      times = new CronTimes(cron, timeZone);
    } catch (error) {
      throw invalid([{ path: 'cron', message: (error as Error).message.replace(/^CronPattern: /, '') }]);
    }
    const { SCHEDULE_MIN_INTERVAL_MS: minMs } = this.settings;
    // The shortest interval of five fields is a minute.
    if (minMs > 60_000 && times.isMoreFrequentThan(minMs, new Date()))
      throw invalid([
        {
          path: 'cron',
          message: `has due times less than ${minMs / 1_000} s apart (SCHEDULE_MIN_INTERVAL_MS). Choose fewer`,
        },
      ]);
    return times;
  }

  /** @throws ProblemError 400 `schedule_invalid` */
  private async checkWorkflow(projectId: string, workflowRef: string): Promise<void> {
    if (!(await this.workflows.find(projectId, workflowRef)))
      throw invalid([{ path: 'workflowRef', message: 'names no saved workflow of the project' }]);
  }
}

const invalid = (errors: PathError[]) => new ProblemError('schedule_invalid', undefined, { errors });

function isTimeZone(name: string): boolean {
  try {
    // Intl also takes offsets such as +02:00, which are no zones.
    return (
      /^[A-Za-z]/.test(name) &&
      new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
    );
  } catch {
    return false;
  }
}

const toSchedule = (row: ScheduleRow): Schedule => ({
  projectId: row.projectId,
  name: row.name,
  workflowRef: row.workflowRef,
  input: row.input,
  cron: row.cron,
  timeZone: row.timeZone,
  overlap: row.overlap,
  catchUp: row.catchUp,
  enabled: row.enabled,
  nextAt: row.nextAt?.toISOString() ?? null,
  lastAt: row.lastAt?.toISOString() ?? null,
  lastExecutionId: row.lastExecutionId,
  lastError: row.lastError,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
  createdBy: row.createdBy,
});
