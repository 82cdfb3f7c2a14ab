import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseControl } from './database-control.js';

/**
 * The clock of the schedules of a test's own database. The server asks the database for the time of schedules by a function; this
 * class replaces the function, and nothing of the server.
 */
export class ScheduleClock {
  private constructor(readonly database: DatabaseControl) {}

  /** Stops the clock at a time. The schema must exist. */
  static async stopAt(url: string, time: string): Promise<ScheduleClock> {
    const database = await DatabaseControl.open(url);
    await database.rows('CREATE TABLE public.test_clock (now timestamptz NOT NULL)');
    await database.rows('INSERT INTO public.test_clock VALUES ($1)', [time]);
    await database.rows(
      `CREATE OR REPLACE FUNCTION cloutagent.schedule_now() RETURNS timestamptz LANGUAGE sql
       AS 'SELECT now FROM public.test_clock'`,
    );
    return new ScheduleClock(database);
  }

  /** Sets the clock, without a wait. */
  async set(time: string | Date): Promise<void> {
    await this.database.rows('UPDATE public.test_clock SET now = $1', [time]);
  }

  /** Sets the clock and waits until all due times up to then are handled. */
  async moveTo(time: string | Date): Promise<void> {
    await this.set(time);
    await this.untilHandled();
  }

  async untilHandled(): Promise<void> {
    const due = `SELECT FROM cloutagent.schedules WHERE next_at <= cloutagent.schedule_now()`;
    while ((await this.database.rows(due)).length > 0) await sleep(10);
  }

  /** Returns the due times that have started an execution, in their order, such as `03-29T01:00`. One that did so twice is twice here. */
  async startedBy(name: string): Promise<string[]> {
    const rows = await this.database.rows<{ key: string }>(
      `SELECT idempotency_key AS key FROM cloutagent.executions
       WHERE created_by = $1 AND idempotency_key LIKE 'schedule:%' ORDER BY idempotency_key, id`,
      [`schedule:${name}`],
    );
    return rows.map(({ key }) => key.slice(`schedule:${name}:2026-`.length).slice(0, 11));
  }

  close(): Promise<void> {
    return this.database.close();
  }
}
