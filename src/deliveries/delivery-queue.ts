import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { ProcessIdentity } from '../database/process-identity.js';
import type { DurableSubscriber } from './durable-subscriber.js';

/** The events of one execution for one subscriber, while this process delivers them. */
export interface ClaimedDelivery {
  readonly executionId: string;
  /** All wanted events up to this sequence are delivered. */
  readonly position: number;
  /** The newest wanted sequence at the time of the claim; 0 if it is not known. */
  readonly target: number;
  /** Fencing token: each claim raises it. */
  readonly claim: number;
  /** Failed attempts with the first event after `position`, including those that a crash ended. */
  readonly attempts: number;
}

/** A failed attempt to deliver an event. */
export interface FailedDelivery {
  /** All wanted events up to this sequence are delivered. */
  position: number;
  /** Sequence of the event; null if the process ended during the attempt. */
  sequence: number | null;
  attempts: number;
  error: string;
  /** How long to wait before the next attempt; undefined if there is none: the delivery is dead. */
  retryMs: number | undefined;
}

/** The undelivered events of a subscriber, counted by execution. */
export interface Backlog {
  pending: number;
  dead: number;
  /** How long the oldest pending delivery has made no progress, in seconds; 0 if there is none. */
  oldestSeconds: number;
}

const OF_CLAIM = 'execution_id = $1 AND subscriber = $2 AND claimed_by = $3 AND claim = $4';
/** The position of the first parameter that `OF_CLAIM` does not use. */
const FIRST_VALUE = 5;
/** Whether the newest registration wants these types. */
const IS_CURRENT = (position: number): string =>
  `EXISTS (SELECT FROM cloutagent.subscribers AS s WHERE s.id = $2 AND s.types = $${position}::text[])`;
const IN_MS = (position: number): string => `now() + $${position} * interval '1 ms'`;

// A process whose code wants other types than the newest registration does not claim: it would pass over events.
const CLAIM = `
  WITH due AS (
    SELECT d.execution_id FROM cloutagent.deliveries AS d
    WHERE d.subscriber = $1 AND d.due_at <= now() AND NOT d.execution_id = ANY ($6::uuid[]) AND EXISTS (
      SELECT FROM cloutagent.subscribers AS s WHERE s.id = $1 AND s.types = $2::text[] AND s.is_backfilled)
    ORDER BY d.due_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE cloutagent.deliveries AS d SET claimed_by = $4, claim = d.claim + 1, due_at = ${IN_MS(5)},
    attempts = d.attempts + CASE WHEN d.claimed_by IS NULL THEN 0 ELSE 1 END
  FROM due WHERE d.execution_id = due.execution_id AND d.subscriber = $1
  RETURNING d.execution_id AS "executionId", d.position, d.target, d.claim, d.attempts`;

/**
 * The statements that decide which process delivers. A row of `deliveries` is a place in the queue, by its columns:
 *
 * - `position`: all wanted events up to it are delivered. `target`: the newest wanted event. Appends raise it.
 * - `due_at`: the time from which a process may claim the row. A claim moves it to the end of its lease, and a failure to the
 *   next attempt. NULL: nothing is to be delivered, or the delivery is dead.
 * - `claimed_by`, `claim`: the process that delivers, and its fencing token. All changes by the process are guarded by them.
 *   A row that is due and claimed is left from a process that ended or hangs.
 *
 * An append may wait for a row that is locked here, so no transaction holds such a lock while it waits for anything: each
 * statement is a transaction, and skips rows that are locked if it changes several.
 */
@Injectable()
export class DeliveryQueue {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
    @Inject(Settings) private readonly settings: Pick<Settings, 'DELIVERY_LEASE_MS'>,
  ) {}

  /**
   * Claims the deliveries of a subscriber that have been due for longest.
   * @param active executions that this process delivers. Its lease of one may have ended, while its call continues
   */
  async claim(
    { id, types }: DurableSubscriber,
    limit: number,
    active: readonly string[],
  ): Promise<ClaimedDelivery[]> {
    const { rows } = await this.database.pool.query<ClaimedDelivery>({
      name: 'deliveries-claim',
      text: CLAIM,
      values: [id, types.toSorted(), limit, this.identity.value, this.settings.DELIVERY_LEASE_MS, active],
    });
    return rows;
  }

  /** Renews the lease of a claim. @returns false if another process has taken over */
  renew(subscriber: string, delivery: ClaimedDelivery): Promise<boolean> {
    return this.change(`due_at = ${IN_MS(5)}`, subscriber, delivery, [this.settings.DELIVERY_LEASE_MS]);
  }

  /** Records that events are delivered, and renews the lease. @returns false if the claim is lost */
  advance(subscriber: DurableSubscriber, delivery: ClaimedDelivery, position: number): Promise<boolean> {
    return this.record(
      `due_at = ${IN_MS(5)}, position = $6, waiting_since = now(), attempts = 0, failed_sequence = NULL, last_error = NULL`,
      subscriber,
      delivery,
      [this.settings.DELIVERY_LEASE_MS, position],
    );
  }

  /** Ends a claim without a failure. If an append has raised the target meanwhile, the row is due again. */
  async release(subscriber: DurableSubscriber, delivery: ClaimedDelivery, position: number): Promise<void> {
    const progress = `attempts = 0, failed_sequence = NULL, last_error = NULL,`;
    await this.record(
      `claimed_by = NULL, position = $5, ${position > delivery.position ? progress : ''}
       due_at = CASE WHEN target > $5 THEN now() END,
       waiting_since = CASE WHEN target <= $5 THEN NULL WHEN position < $5 THEN now() ELSE waiting_since END`,
      subscriber,
      delivery,
      [position],
    );
  }

  /** Deletes the row of an execution whose last event is delivered: no event follows. */
  async finish({ id, types }: DurableSubscriber, delivery: ClaimedDelivery): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      `DELETE FROM cloutagent.deliveries WHERE ${OF_CLAIM} AND ${IS_CURRENT(5)}`,
      [delivery.executionId, id, this.identity.value, delivery.claim, types.toSorted()],
    );
    if (rowCount !== 1) await this.giveBack(id, delivery);
  }

  /** Ends a claim after a failure. A dead delivery waits for an operator, and with it all later events of the execution. */
  async fail(
    subscriber: DurableSubscriber,
    delivery: ClaimedDelivery,
    failed: FailedDelivery,
  ): Promise<void> {
    const { position, sequence, attempts, error, retryMs } = failed;
    const next = retryMs === undefined ? 'due_at = NULL, dead_at = now()' : `due_at = ${IN_MS(9)}`;
    await this.record(
      `claimed_by = NULL, position = $5, attempts = $6, failed_sequence = $7, last_error = $8, ${next}`,
      subscriber,
      delivery,
      [position, attempts, sequence, error, ...(retryMs === undefined ? [] : [retryMs])],
    );
  }

  /** Makes the deliveries of a process that has died due now. Otherwise their leases would have to end first. */
  async takeFrom(identity: string): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.deliveries SET due_at = now() WHERE (execution_id, subscriber) IN (
         SELECT execution_id, subscriber FROM cloutagent.deliveries
         WHERE claimed_by = $1 AND due_at > now() FOR UPDATE SKIP LOCKED)`,
      [identity],
    );
    return (rowCount ?? 0) > 0;
  }

  /** Counts what is undelivered. */
  async backlog(subscriber: string): Promise<Backlog> {
    const { rows } = await this.database.pool.query<Backlog>(
      `SELECT p.*, d.* FROM (
         SELECT count(*)::int AS pending,
           coalesce(extract(epoch FROM now() - min(waiting_since)), 0)::float8 AS "oldestSeconds"
         FROM cloutagent.deliveries WHERE subscriber = $1 AND due_at IS NOT NULL
       ) AS p, (
         SELECT count(*)::int AS dead FROM cloutagent.deliveries WHERE subscriber = $1 AND dead_at IS NOT NULL
       ) AS d`,
      [subscriber],
    );
    return rows[0]!;
  }

  /**
   * Stores the result of a run. If another registration has changed the types meanwhile, the run may have passed over events
   * of the new types, so its position is not stored and the row is due again.
   */
  private async record(
    set: string,
    { id, types }: DurableSubscriber,
    delivery: ClaimedDelivery,
    values: unknown[],
  ): Promise<boolean> {
    const isCurrent = IS_CURRENT(FIRST_VALUE + values.length);
    const isStored = await this.change(set, id, delivery, [...values, types.toSorted()], isCurrent);
    if (!isStored) await this.giveBack(id, delivery);
    return isStored;
  }

  /** Makes a claimed row due for another process, without progress. Does nothing if the claim is lost. */
  private async giveBack(subscriber: string, delivery: ClaimedDelivery): Promise<void> {
    await this.change('claimed_by = NULL, due_at = now()', subscriber, delivery, []);
  }

  private async change(
    set: string,
    subscriber: string,
    { executionId, claim }: ClaimedDelivery,
    values: unknown[],
    condition = 'true',
  ): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.deliveries SET ${set} WHERE ${OF_CLAIM} AND ${condition}`,
      [executionId, subscriber, this.identity.value, claim, ...values],
    );
    return rowCount === 1;
  }
}
