import { Inject, Injectable } from '@nestjs/common';
import type {
  DeadDelivery,
  DeadDeliveryPage,
  Listener,
  ListDeadDeliveries,
  SkipEvent,
} from '@cloutagent/contract';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { DeliveryWorkers } from '../deliveries/delivery-workers.js';
import { SubscriberRegistry } from '../deliveries/subscriber-registry.js';
import { JournalReader } from '../journal/journal-reader.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { listenerNameOf, LISTENERS, subscriberIdOf } from './subscriber-id.js';

/** A listener that no process has polled for this many intervals is in no process. */
const POLLS_UNTIL_INACTIVE = 3;

const LIST = `
  SELECT s.id, s.types, s.registered_at AS "registeredAt", s.active_at AS "activeAt", d.*
  FROM cloutagent.subscribers AS s, LATERAL (
    SELECT count(*) FILTER (WHERE due_at IS NOT NULL)::int AS pending,
      count(*) FILTER (WHERE dead_at IS NOT NULL)::int AS dead,
      min(waiting_since) FILTER (WHERE due_at IS NOT NULL) AS "pendingSince"
    FROM cloutagent.deliveries WHERE subscriber = s.id AND (due_at IS NOT NULL OR dead_at IS NOT NULL)
  ) AS d WHERE s.id LIKE $1 ORDER BY s.id`;

const DEAD = `
  SELECT d.execution_id AS "executionId", d.failed_sequence AS sequence, d.attempts, d.last_error AS error,
    d.dead_at AS "diedAt"
  FROM cloutagent.deliveries AS d
  WHERE d.subscriber = $1 AND d.dead_at IS NOT NULL AND d.failed_sequence IS NOT NULL AND ($2::uuid IS NULL OR d.execution_id > $2)
  ORDER BY d.execution_id LIMIT $3`;

const REVIVE = `dead_at = NULL, attempts = 0, failed_sequence = NULL, last_error = NULL, due_at = now()`;

/** Rows that another statement has locked are left out, and found by the next of the repeated statements. */
const REPLAY_BATCH = `
  UPDATE cloutagent.deliveries SET ${REVIVE} WHERE (execution_id, subscriber) IN (
    SELECT execution_id, subscriber FROM cloutagent.deliveries
    WHERE subscriber = $1 AND dead_at <= $2 LIMIT 1000 FOR UPDATE SKIP LOCKED)`;

type Row<T, Dates extends keyof T> = Omit<T, Dates> & Record<Dates, Date>;

/** What an operator sees of the durable listeners and does with their deliveries. */
@Injectable()
export class ListenerOperations {
  constructor(
    private readonly database: Database,
    private readonly registry: SubscriberRegistry,
    private readonly workers: DeliveryWorkers,
    private readonly journal: JournalReader,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_POLL_INTERVAL_MS'>,
  ) {}

  /** Lists all listeners that were ever registered and not deleted, by name. */
  async list(): Promise<Listener[]> {
    type Listed = Row<Listener, 'registeredAt' | 'activeAt'> & { id: string; pendingSince: Date | null };
    const { rows } = await this.database.pool.query<Listed>(LIST, [LISTENERS]);
    return rows.map(({ id, types, registeredAt, activeAt, pending, dead, pendingSince }) => ({
      name: listenerNameOf(id),
      types,
      registeredAt: registeredAt.toISOString(),
      activeAt: activeAt.toISOString(),
      pending,
      dead,
      pendingSince: pendingSince?.toISOString() ?? null,
    }));
  }

  /**
   * Reads a page of the dead deliveries of a listener, in the order of the executions' ids.
   * @throws NotFoundError
   */
  async dead(name: string, { cursor, limit }: ListDeadDeliveries): Promise<DeadDeliveryPage> {
    await this.check(name);
    const { rows } = await this.database.pool.query<Row<Omit<DeadDelivery, 'type'>, 'diedAt'>>(DEAD, [
      subscriberIdOf(name),
      cursor ?? null,
      limit + 1,
    ]);
    const page = rows.slice(0, limit);
    const events = await Promise.all(
      page.map(({ executionId, sequence }) => this.journal.at(executionId, sequence)),
    );
    // An execution that was deleted meanwhile has no event.
    const deliveries = page.flatMap(({ diedAt, ...rest }, index) => {
      const type = events[index]?.type;
      return type === undefined ? [] : [{ ...rest, type, diedAt: diedAt.toISOString() }];
    });
    return { deliveries, nextCursor: rows.length > limit ? page.at(-1)!.executionId : null };
  }

  /**
   * Delivers dead deliveries again, from the event that failed.
   * @param executionId the only execution to replay; all when left out
   * @returns their number
   * @throws NotFoundError if there is no such listener, or no dead delivery of this execution
   */
  async replay(name: string, executionId: string | undefined): Promise<number> {
    await this.check(name);
    const replayed = await this.revive(name, executionId);
    this.workers.wake();
    return replayed;
  }

  /**
   * Passes over the event at which a delivery is dead, and delivers those after it.
   * @throws NotFoundError if no delivery is dead at this event
   */
  async skip(name: string, { executionId, sequence }: SkipEvent): Promise<void> {
    await this.check(name);
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.deliveries SET position = failed_sequence, ${REVIVE}
       WHERE subscriber = $1 AND execution_id = $2 AND failed_sequence = $3 AND dead_at IS NOT NULL`,
      [subscriberIdOf(name), executionId, sequence],
    );
    if (rowCount !== 1) throw new NotFoundError('dead delivery at this event');
    this.workers.wake();
  }

  /**
   * Deletes a listener that is no longer in the code of any process, with its undelivered events.
   * @throws NotFoundError, or a ProblemError `listener_active`
   */
  async remove(name: string): Promise<void> {
    const isActive = await this.check(name);
    if (!isActive && (await this.registry.remove(subscriberIdOf(name), this.inactiveMs))) return;
    // A process may have started with it since, or another request may have deleted it.
    await this.check(name);
    throw new ProblemError('listener_active');
  }

  private get inactiveMs(): number {
    return POLLS_UNTIL_INACTIVE * this.settings.JOURNAL_POLL_INTERVAL_MS;
  }

  private async revive(name: string, executionId: string | undefined): Promise<number> {
    const id = subscriberIdOf(name);
    if (executionId !== undefined) {
      const { rowCount } = await this.database.pool.query(
        `UPDATE cloutagent.deliveries SET ${REVIVE}
         WHERE subscriber = $1 AND execution_id = $2 AND dead_at IS NOT NULL`,
        [id, executionId],
      );
      if (rowCount !== 1) throw new NotFoundError('dead delivery');
      return 1;
    }
    const { rows } = await this.database.pool.query<{ now: string }>('SELECT now()::text AS now');
    for (let replayed = 0; ;) {
      const { rowCount } = await this.database.pool.query(REPLAY_BATCH, [id, rows[0]!.now]);
      replayed += rowCount ?? 0;
      if (!rowCount) return replayed;
    }
  }

  /** @returns whether a process has polled for the listener just now @throws NotFoundError */
  private async check(name: string): Promise<boolean> {
    const { rows } = await this.database.pool.query<{ isActive: boolean }>(
      `SELECT active_at > now() - $2 * interval '1 ms' AS "isActive" FROM cloutagent.subscribers WHERE id = $1`,
      [subscriberIdOf(name), this.inactiveMs],
    );
    if (!rows[0]) throw new NotFoundError('listener');
    return rows[0].isActive;
  }
}
