import { Inject, Injectable } from '@nestjs/common';
import type { WebhookDeliveryStatus } from '@cloutagent/contract';
import { v7 } from '../common/uuid.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { ProcessIdentity } from '../database/process-identity.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { AttemptLog } from './attempt-log.js';
import type { ClaimedWebhook, Receiver } from './webhook-queue.js';
import type { Attempt } from './webhook-sender.js';
import { SLOW_MS } from './slow-receivers.js';
import { WebhookStats } from './webhook-stats.js';

/** An attempt with one event, under one claim. */
export interface EventAttempt {
  readonly delivery: ClaimedWebhook;
  readonly receiver: Receiver;
  readonly event: RecordedEvent;
  /** 1 for the first attempt with this event. */
  readonly number: number;
  readonly attempt: Attempt;
}

const OF_CLAIM = 'execution_id = $1 AND webhook_id = $2 AND claimed_by = $3 AND claim = $4';
const IN_MS = (position: number): string => `now() + $${position} * interval '1 ms'`;

/**
 * Locks the execution as the foreign key of the log does, but before the row of the queue: the deletion of an execution locks in
 * this order.
 */
const EXECUTION = 'execution AS MATERIALIZED (SELECT FROM cloutagent.executions WHERE id = $1 FOR KEY SHARE)';

const SLOW_SINCE = 'slow_since = CASE WHEN $2 THEN coalesce(slow_since, now()) END';

/** Adds the attempt to the log if `moved` has changed the row of the queue. $5 to $19 are its columns. */
const LOG = `
  INSERT INTO cloutagent.webhook_attempts (execution_id, webhook_id, id, sequence, type, status, attempt, at, duration_ms,
    url, payload, cloud_events, error, response_status, response_headers, response_body, next_attempt_at)
  SELECT $1, $2, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, ${IN_MS(19)} FROM moved`;

const DELIVERED = `
  WITH ${EXECUTION}, moved AS (
    UPDATE cloutagent.webhook_queue SET position = $6, due_at = ${IN_MS(20)}, waiting_since = now(), attempts = 0,
      failed_sequence = NULL
    WHERE EXISTS (SELECT FROM execution) AND ${OF_CLAIM} AND EXISTS (SELECT FROM cloutagent.webhooks WHERE id = $2 AND filter_version = $21)
    RETURNING 1
  ) ${LOG}`;

const FAILED = `
  WITH ${EXECUTION}, moved AS (
    UPDATE cloutagent.webhook_queue SET claimed_by = NULL, attempts = $20, failed_sequence = $6,
      due_at = ${IN_MS(21)}, dead_at = CASE WHEN $8 = 'dead' THEN now() END
    WHERE EXISTS (SELECT FROM execution) AND ${OF_CLAIM} RETURNING 1
  ) ${LOG}`;

/** Stores the results of attempts: in the queue and in the log by one statement, and in the webhook where they concern it. */
@Injectable()
export class AttemptRecorder {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
    private readonly log: AttemptLog,
    private readonly stats: WebhookStats,
    @Inject(Settings) private readonly settings: Pick<Settings, 'DELIVERY_LEASE_MS'>,
  ) {}

  /**
   * Records that the receiver has an event, and renews the lease.
   * @returns false if the claim is lost, or if the types or the filter of the webhook have changed
   */
  async delivered(made: EventAttempt): Promise<boolean> {
    this.stats.attempts.delivered += 1;
    const { rowCount } = await this.database.pool.query({
      name: 'webhooks-delivered',
      text: DELIVERED,
      values: [
        ...this.columns(made, 'delivered', undefined),
        this.settings.DELIVERY_LEASE_MS,
        made.receiver.filterVersion,
      ],
    });
    const { webhookId } = made.delivery;
    const isSlow = made.attempt.durationMs >= SLOW_MS;
    if (made.receiver.isFailing || made.receiver.isSlow !== isSlow)
      await this.database.pool.query(
        `UPDATE cloutagent.webhooks SET failing_since = NULL, throttled_until = NULL, ${SLOW_SINCE} WHERE id = $1`,
        [webhookId, isSlow],
      );
    this.log.added(webhookId);
    return rowCount === 1;
  }

  /**
   * Records a failure and ends the claim.
   * @param retryMs how long to wait before the next attempt; undefined if there is none: the delivery is dead
   */
  async failed(made: EventAttempt, retryMs: number | undefined): Promise<void> {
    const { delivery, receiver, attempt } = made;
    const { webhookId } = delivery;
    const status = retryMs === undefined ? 'dead' : 'failed';
    this.stats.attempts[status] += 1;
    const isSlow = attempt.durationMs >= SLOW_MS;
    if (!receiver.isFailing || receiver.isSlow !== isSlow || attempt.throttleMs !== undefined)
      await this.database.pool.query(
        `UPDATE cloutagent.webhooks SET failing_since = coalesce(failing_since, now()), ${SLOW_SINCE},
           throttled_until = greatest(throttled_until, ${IN_MS(3)}) WHERE id = $1`,
        [webhookId, isSlow, attempt.throttleMs ?? null],
      );
    await this.storeFailure(made, status, retryMs, made.number, retryMs);
  }

  /** Disables a webhook whose receiver answered 410. The event is kept, and the attempt does not count. */
  async gone(made: EventAttempt): Promise<void> {
    const { delivery, attempt } = made;
    this.stats.attempts.failed += 1;
    await this.database.pool.query(
      `UPDATE cloutagent.webhooks SET enabled = false, updated_at = now(),
         disabled_reason = 'The receiver answered 410: it wants no more requests.'
       WHERE id = $1 AND url = $2`,
      [delivery.webhookId, attempt.url],
    );
    await this.storeFailure(made, 'failed', undefined, made.number - 1, 0);
  }

  /** @param dueMs when the row is due again; undefined for never */
  private async storeFailure(
    made: EventAttempt,
    status: WebhookDeliveryStatus,
    nextAttemptMs: number | undefined,
    attempts: number,
    dueMs: number | undefined,
  ): Promise<void> {
    await this.database.pool.query({
      name: 'webhooks-failed',
      text: FAILED,
      values: [...this.columns(made, status, nextAttemptMs), attempts, dueMs ?? null],
    });
    this.log.added(made.delivery.webhookId);
  }

  private columns(
    { delivery, receiver, event, number, attempt }: EventAttempt,
    status: WebhookDeliveryStatus,
    nextAttemptMs: number | undefined,
  ): unknown[] {
    const { at, durationMs, url, error, response } = attempt;
    return [
      delivery.executionId,
      delivery.webhookId,
      this.identity.value,
      delivery.claim,
      v7(),
      event.sequence,
      event.type,
      status,
      number,
      at,
      durationMs,
      url,
      receiver.payload,
      receiver.cloudEvents,
      error ?? null,
      response?.status ?? null,
      response && JSON.stringify(response.headers),
      response?.body ?? null,
      nextAttemptMs ?? null,
    ];
  }
}
