import { Injectable } from '@nestjs/common';
import type pg from 'pg';
import { Database } from '../database/database.js';
import { LISTENER_TRIGGERS, refreshTriggers } from './delivery-triggers.js';
import type { DurableSubscriber } from './durable-subscriber.js';
import { lockJournal, withJournalLock } from './journal-lock.js';

/** Executions that one transaction of a backfill adds. It blocks appends meanwhile, for about 10 ms. */
const BACKFILL_BATCH = 500;

const REGISTER = `
  INSERT INTO cloutagent.subscribers (id, types) VALUES ($1, $2)
  ON CONFLICT (id) DO UPDATE SET types = excluded.types, active_at = now()`;

/** Rows that another statement has locked are left to the next retention sweep. */
const DELETE_DELIVERIES = `
  DELETE FROM cloutagent.deliveries WHERE (execution_id, subscriber) IN (
    SELECT execution_id, subscriber FROM cloutagent.deliveries
    WHERE subscriber = $1 AND NOT EXISTS (SELECT FROM cloutagent.subscribers WHERE id = $1)
    LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

const TOUCH = `
  UPDATE cloutagent.subscribers SET active_at = CASE WHEN types = $2::text[] THEN now() ELSE active_at END
  WHERE id = $1 RETURNING types = $2::text[] AS "isCurrent", is_backfilled AS "isBackfilled"`;

const UNFINISHED_BACKFILL = `
  SELECT e.id FROM cloutagent.executions AS e, (
    SELECT registered_xmin FROM cloutagent.subscribers WHERE id = $1 AND NOT is_backfilled
  ) AS s
  WHERE e.completed_at IS NULL OR e.changed_xid >= s.registered_xmin`;

/** Position 0 also for a row that an append has made since: before the backfill, nothing is delivered. */
const BACKFILL = `
  INSERT INTO cloutagent.deliveries AS d (execution_id, subscriber, position, target, due_at, waiting_since)
  SELECT e.id, s.id, 0, 0, now(), now()
  FROM cloutagent.executions AS e, cloutagent.subscribers AS s
  WHERE e.id = ANY ($2::uuid[]) AND s.id = $1 AND NOT s.is_backfilled
  ON CONFLICT (execution_id, subscriber) DO UPDATE SET position = 0, due_at = coalesce(d.due_at, now())`;

/** What the database has about a subscriber of this process. */
export interface Registration {
  /** Whether the newest registration wants the same types. Otherwise another release of the code delivers. */
  isCurrent: boolean;
  isBackfilled: boolean;
}

/**
 * The durable subscribers of the database. Why no event is lost when one is registered:
 *
 * 1. The registration locks the journal against inserts. The lock waits for all appends that are under way.
 * 2. An append after the registration fires the triggers, which see the new subscriber: they record the delivery in the
 *    append's own statement.
 * 3. An append before it is committed, so the backfill finds its execution, which is open, or has changed its status since
 *    the registration. The backfill adds these executions with position 0. Nothing is delivered before it is complete, and
 *    any process that has the subscriber completes it after a crash.
 */
@Injectable()
export class SubscriberRegistry {
  constructor(private readonly database: Database) {}

  /**
   * Registers a subscriber. A new one gets all wanted events of the executions that have not ended, and of all later ones.
   * Another list of types replaces the one before, for events from now on.
   * @throws the database's error, also if the journal could not be locked in about 75 s
   */
  async register(subscriber: DurableSubscriber): Promise<void> {
    const registration = await this.touch(subscriber);
    if (registration?.isCurrent) return;
    if (!registration) await this.deleteDeliveries(subscriber.id);
    await this.withJournalLocked(async (client) => {
      // Rows from before a deletion are of no use: the backfill makes new ones.
      await client.query(
        'DELETE FROM cloutagent.deliveries WHERE subscriber = $1 AND NOT EXISTS (SELECT FROM cloutagent.subscribers WHERE id = $1)',
        [subscriber.id],
      );
      await client.query(REGISTER, [subscriber.id, subscriber.types.toSorted()]);
      await refreshListenerTriggers(client);
    });
  }

  /**
   * Records that a process delivers to a subscriber.
   * @returns undefined if it is not registered
   */
  async touch({ id, types }: DurableSubscriber): Promise<Registration | undefined> {
    const { rows } = await this.database.pool.query<Registration>(TOUCH, [id, types.toSorted()]);
    return rows[0];
  }

  /**
   * Deletes a subscriber with its deliveries. If the process ends meanwhile, the retention sweep deletes the rest of them.
   * @param unusedMs for how long no process must have had the subscriber
   * @returns whether it was deleted; false if a process has it, and if it does not exist
   */
  async remove(id: string, unusedMs: number): Promise<boolean> {
    const isRemoved = await this.withJournalLocked(async (client) => {
      const { rowCount } = await client.query(
        `DELETE FROM cloutagent.subscribers WHERE id = $1 AND active_at <= clock_timestamp() - $2 * interval '1 ms'`,
        [id, unusedMs],
      );
      await refreshListenerTriggers(client);
      return rowCount === 1;
    });
    // No append adds deliveries of this subscriber any more.
    if (isRemoved) await this.deleteDeliveries(id);
    return isRemoved;
  }

  /** Completes the backfill of a new subscriber. Does nothing if it is complete. */
  async backfill(id: string): Promise<void> {
    const { rows } = await this.database.pool.query<{ id: string }>(UNFINISHED_BACKFILL, [id]);
    for (let start = 0; start < rows.length; start += BACKFILL_BATCH) {
      const batch = rows.slice(start, start + BACKFILL_BATCH).map((row) => row.id);
      // A statement that adds many rows could otherwise deadlock with an append that adds some of the same.
      await this.withJournalLocked((client) => client.query(BACKFILL, [id, batch]));
    }
    await this.database.pool.query(
      'UPDATE cloutagent.subscribers SET is_backfilled = true WHERE id = $1 AND NOT is_backfilled',
      [id],
    );
  }

  /** Deletes the deliveries of a subscriber that does not exist. */
  private async deleteDeliveries(id: string): Promise<void> {
    for (;;) {
      const { rowCount } = await this.database.pool.query(DELETE_DELIVERIES, [id]);
      if (!rowCount) return;
    }
  }

  private withJournalLocked<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return withJournalLock(this.database, async (client) => {
      await lockJournal(client);
      return work(client);
    });
  }
}

async function refreshListenerTriggers(client: pg.PoolClient): Promise<void> {
  const wanted = await client.query<{ type: string }>(
    'SELECT DISTINCT unnest(types) AS type FROM cloutagent.subscribers',
  );
  await refreshTriggers(
    client,
    LISTENER_TRIGGERS,
    wanted.rows.map(({ type }) => type),
  );
}
