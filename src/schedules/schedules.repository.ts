import { Injectable } from '@nestjs/common';
import type { Json, Schedule } from '@cloutagent/contract';
import type pg from 'pg';
import { Database } from '../database/database.js';

/** A row of the table `schedules`. */
export interface ScheduleRow {
  projectId: string;
  name: string;
  workflowRef: string;
  input: Json;
  cron: string;
  timeZone: string;
  overlap: Schedule['overlap'];
  catchUp: Schedule['catchUp'];
  enabled: boolean;
  /** The first due time that was not handled; null while it is disabled. */
  nextAt: Date | null;
  /** Due times that were handled and whose executions wait for the end of an earlier one. */
  pending: Date[];
  lastAt: Date | null;
  lastExecutionId: string | null;
  lastError: string | null;
  createdAt: Date;
  updatedAt: Date;
  createdBy: string;
}

/** What a request saves. */
export type ScheduleContent = Pick<
  ScheduleRow,
  | 'projectId'
  | 'name'
  | 'workflowRef'
  | 'input'
  | 'cron'
  | 'timeZone'
  | 'overlap'
  | 'catchUp'
  | 'enabled'
  | 'nextAt'
  | 'pending'
>;

/** What a process has done about due times. */
export type HandledSchedule = Pick<
  ScheduleRow,
  'projectId' | 'name' | 'nextAt' | 'pending' | 'lastAt' | 'lastExecutionId' | 'lastError'
> & {
  /** When the pending due times are tried again, in ms; undefined if there are none. */
  retryMs: number | undefined;
};

const COLUMNS = `
  project_id AS "projectId", name, workflow_ref AS "workflowRef", input, cron, time_zone AS "timeZone", overlap,
  catch_up AS "catchUp", enabled, next_at AS "nextAt", pending, last_at AS "lastAt",
  last_execution_id AS "lastExecutionId", last_error AS "lastError", created_at AS "createdAt",
  updated_at AS "updatedAt", created_by AS "createdBy"`;

const SAVE = `
  INSERT INTO cloutagent.schedules AS s (project_id, name, workflow_ref, input, cron, time_zone, overlap, catch_up,
    enabled, next_at, pending, wake_at, created_by)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::timestamptz[],
    CASE WHEN cardinality($11::timestamptz[]) > 0 THEN cloutagent.schedule_now() ELSE $10::timestamptz END, $12)
  ON CONFLICT (project_id, name) DO UPDATE SET workflow_ref = $3, input = $4, cron = $5, time_zone = $6, overlap = $7,
    catch_up = $8, enabled = $9, next_at = $10, pending = $11, wake_at = excluded.wake_at, updated_at = now()
  RETURNING ${COLUMNS}`;

// One process handles a schedule at a time. The rows of the others are skipped.
const CLAIM = `
  SELECT ${COLUMNS}, cloutagent.schedule_now() AS now FROM cloutagent.schedules
  WHERE wake_at <= (SELECT cloutagent.schedule_now()) ORDER BY wake_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

const HANDLED = `
  UPDATE cloutagent.schedules SET next_at = $3, pending = $4::timestamptz[], last_at = $5, last_execution_id = $6,
    last_error = $7,
    wake_at = least($3::timestamptz, cloutagent.schedule_now() + $8::float8 * interval '1 ms')
  WHERE project_id = $1 AND name = $2`;

/** The statements on schedules. */
@Injectable()
export class SchedulesRepository {
  constructor(private readonly database: Database) {}

  async find(projectId: string, name: string): Promise<ScheduleRow | undefined> {
    const { rows } = await this.database.pool.query<ScheduleRow>(
      `SELECT ${COLUMNS} FROM cloutagent.schedules WHERE project_id = $1 AND name = $2`,
      [projectId, name],
    );
    return rows[0];
  }

  async list(projectId: string): Promise<ScheduleRow[]> {
    const { rows } = await this.database.pool.query<ScheduleRow>(
      `SELECT ${COLUMNS} FROM cloutagent.schedules WHERE project_id = $1 ORDER BY name`,
      [projectId],
    );
    return rows;
  }

  /** Counts the schedules of a project. */
  async count(client: pg.PoolClient, projectId: string): Promise<number> {
    const { rows } = await client.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM cloutagent.schedules WHERE project_id = $1',
      [projectId],
    );
    return rows[0]!.count;
  }

  /** Reads a schedule for a change, with the time. No process handles it until the transaction ends. */
  async lock(
    client: pg.PoolClient,
    projectId: string,
    name: string,
  ): Promise<{ row: ScheduleRow | undefined; now: Date }> {
    const { rows } = await client.query<ScheduleRow>(
      `SELECT ${COLUMNS} FROM cloutagent.schedules WHERE project_id = $1 AND name = $2 FOR UPDATE`,
      [projectId, name],
    );
    // Read after the lock was granted, so that the time is not before a due time that was just handled.
    const time = await client.query<{ now: Date }>('SELECT cloutagent.schedule_now() AS now');
    return { row: rows[0], now: time.rows[0]!.now };
  }

  /** Inserts a schedule or replaces its content. */
  async save(client: pg.PoolClient, content: ScheduleContent, createdBy: string): Promise<ScheduleRow> {
    const {
      projectId,
      name,
      workflowRef,
      input,
      cron,
      timeZone,
      overlap,
      catchUp,
      enabled,
      nextAt,
      pending,
    } = content;
    const { rows } = await client.query<ScheduleRow>(SAVE, [
      projectId,
      name,
      workflowRef,
      JSON.stringify(input),
      cron,
      timeZone,
      overlap,
      catchUp,
      enabled,
      nextAt,
      pending,
      createdBy,
    ]);
    return rows[0]!;
  }

  /** @returns whether it existed */
  async delete(projectId: string, name: string): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      'DELETE FROM cloutagent.schedules WHERE project_id = $1 AND name = $2',
      [projectId, name],
    );
    return rowCount === 1;
  }

  /** Stores the execution that a request has started. */
  async started(projectId: string, name: string, executionId: string): Promise<void> {
    await this.database.pool.query(
      'UPDATE cloutagent.schedules SET last_execution_id = $3, last_error = NULL WHERE project_id = $1 AND name = $2',
      [projectId, name, executionId],
    );
  }

  /** Locks the schedule that has been due for longest, except those that another process handles. */
  async claim(client: pg.PoolClient): Promise<{ row: ScheduleRow; now: Date } | undefined> {
    const { rows } = await client.query<ScheduleRow & { now: Date }>(CLAIM);
    return rows[0] && { row: rows[0], now: rows[0].now };
  }

  async handled(client: pg.PoolClient, row: HandledSchedule): Promise<void> {
    const { projectId, name, nextAt, pending, lastAt, lastExecutionId, lastError, retryMs = null } = row;
    const values = [projectId, name, nextAt, pending, lastAt, lastExecutionId, lastError, retryMs];
    await client.query(HANDLED, values);
  }

  /** Puts a schedule off that could not be handled. */
  async postpone({ projectId, name }: ScheduleRow, ms: number): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.schedules SET wake_at = cloutagent.schedule_now() + $3 * interval '1 ms'
       WHERE project_id = $1 AND name = $2 AND wake_at <= cloutagent.schedule_now()`,
      [projectId, name, ms],
    );
  }

  /** Returns the time until the first schedule is due, in ms; not positive if one is due; undefined without any. */
  async nextInMs(): Promise<number | undefined> {
    const { rows } = await this.database.pool.query<{ ms: number | null }>({
      name: 'schedules-next',
      text: `SELECT extract(epoch FROM min(wake_at) - cloutagent.schedule_now())::float8 * 1000 AS ms
        FROM cloutagent.schedules WHERE wake_at IS NOT NULL`,
    });
    return rows[0]?.ms ?? undefined;
  }
}
