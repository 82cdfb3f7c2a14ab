import { Inject, Injectable } from '@nestjs/common';
import type { EventType } from '@cloutagent/contract';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { ProcessIdentity } from '../database/process-identity.js';
import type { SealedSecret } from './signing-secrets.js';
import { SlowReceivers } from './slow-receivers.js';
import type { MessageFormat, MessageSource } from './webhook-message.js';
import type { WebhookBacklog } from './webhook-stats.js';

/** The events of one execution for one webhook, while this process delivers them. */
export interface ClaimedWebhook {
  readonly webhookId: string;
  readonly executionId: string;
  /** All wanted events up to this sequence are delivered. */
  readonly position: number;
  /** The newest wanted sequence at the time of the claim. */
  readonly target: number;
  /** Events after `skipAfter` up to `skipTo` are not delivered again by a replay; null for no such events. */
  readonly skipAfter: number | null;
  readonly skipTo: number | null;
  /** Fencing token: each claim raises it. */
  readonly claim: number;
  /** Failed attempts with the event `failedSequence`. */
  readonly attempts: number;
  readonly failedSequence: number | null;
  /** Whether the newest attempt of the webhook was slow. */
  readonly isSlow: boolean;
}

/** What a request needs of the webhook and the execution. */
export interface Receiver extends MessageFormat, MessageSource {
  readonly url: string;
  readonly types: readonly EventType[];
  /** The valid signing secrets, newest first. */
  readonly secrets: readonly SealedSecret[];
  /** Versions of the secrets of projects that the execution has used. */
  readonly secretVersions: readonly string[];
  /** Each change of types or filter raises it. */
  readonly filterVersion: number;
  /** Whether its newest attempt failed. */
  readonly isFailing: boolean;
  /** Whether its newest attempt was slow. */
  readonly isSlow: boolean;
  /** Whether the execution has ended: no event follows. */
  readonly isEnded: boolean;
}

const OF_CLAIM = 'execution_id = $1 AND webhook_id = $2 AND claimed_by = $3 AND claim = $4';
const IN_MS = (position: number): string => `now() + $${position} * interval '1 ms'`;

/** A webhook to which something may be sent now. */
const IS_READY = 'w.enabled AND (w.throttled_until IS NULL OR w.throttled_until <= now())';

// `pending` jumps in the index from webhook to webhook, so the cost does not grow with the number of waiting executions. A
// webhook whose newest attempt failed or was slow gets one execution at a time, the others up to $4 each. Those that are slow, also
// as far as this process alone knows ($8), get at most $5 together. Webhooks with the fewest come first.
const CLAIM = `
  WITH RECURSIVE pending(id) AS (
    (SELECT webhook_id FROM cloutagent.webhook_queue WHERE due_at IS NOT NULL ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (
      SELECT q.webhook_id FROM cloutagent.webhook_queue AS q
      WHERE q.due_at IS NOT NULL AND q.webhook_id > pending.id ORDER BY q.webhook_id LIMIT 1
    ) FROM pending WHERE pending.id IS NOT NULL
  ), active AS MATERIALIZED (
    SELECT webhook_id, execution_id FROM unnest($1::uuid[], $2::uuid[]) AS a(webhook_id, execution_id)
  ), ready AS MATERIALIZED (
    SELECT w.id, s.is_slow, a.count AS active,
      greatest(0, CASE WHEN s.is_slow OR w.failing_since IS NOT NULL THEN 1 ELSE $4 END - a.count) AS free
    FROM pending JOIN cloutagent.webhooks AS w ON w.id = pending.id, LATERAL (
      SELECT count(*)::int AS count FROM active WHERE active.webhook_id = w.id
    ) AS a, LATERAL (SELECT w.slow_since IS NOT NULL OR w.id = ANY ($8::uuid[]) AS is_slow) AS s
    WHERE ${IS_READY}
  ), due AS MATERIALIZED (
    SELECT r.id, r.is_slow, d.execution_id, d.due_at,
      r.active + row_number() OVER (PARTITION BY r.id ORDER BY d.due_at) AS turn
    FROM ready AS r, LATERAL (
      SELECT q.execution_id, q.due_at FROM cloutagent.webhook_queue AS q
      WHERE q.webhook_id = r.id AND q.due_at <= now()
        AND NOT EXISTS (SELECT FROM active AS a WHERE a.webhook_id = q.webhook_id AND a.execution_id = q.execution_id)
      ORDER BY q.due_at LIMIT r.free FOR UPDATE OF q SKIP LOCKED
    ) AS d
  ), chosen AS MATERIALIZED (
    SELECT id, is_slow, execution_id FROM (
      SELECT due.*, row_number() OVER (PARTITION BY is_slow ORDER BY turn, due_at) AS place FROM due
    ) AS placed
    WHERE NOT is_slow OR place <= $5 ORDER BY is_slow, turn, due_at LIMIT $3
  )
  UPDATE cloutagent.webhook_queue AS q SET claimed_by = $6, claim = q.claim + 1, due_at = ${IN_MS(7)}
  FROM chosen AS c WHERE q.execution_id = c.execution_id AND q.webhook_id = c.id
  RETURNING q.webhook_id AS "webhookId", q.execution_id AS "executionId", q.position, q.target, q.claim, q.attempts,
    q.skip_after AS "skipAfter", q.skip_to AS "skipTo", q.failed_sequence AS "failedSequence", c.is_slow AS "isSlow"`;

const RECEIVER = `
  SELECT w.url, w.events AS types, w.payload, w.cloud_events AS "cloudEvents", w.filter_version AS "filterVersion",
    w.failing_since IS NOT NULL AS "isFailing", w.slow_since IS NOT NULL AS "isSlow", e.completed_at IS NOT NULL AS "isEnded", e.id AS "executionId", e.project_id AS "projectId",
    e.workflow_name AS "workflowName", e.workflow_version AS "workflowVersion", e.secret_versions AS "secretVersions", (
      SELECT coalesce(json_agg(json_build_object('id', s.id, 'keyId', s.key_id, 'sealed', encode(s.sealed, 'base64'))
        ORDER BY s.id DESC), '[]')
      FROM cloutagent.webhook_secrets AS s
      WHERE s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > now())
    ) AS secrets
  FROM cloutagent.webhooks AS w, cloutagent.executions AS e WHERE w.id = $1 AND e.id = $2 AND ${IS_READY}`;

/**
 * The statements that decide which process delivers to webhooks. A row of `webhook_queue` has the columns of a row of
 * `deliveries` (`DeliveryQueue`) with the same meaning. All webhooks share one claim, which gives each of them its turn.
 *
 * As in `DeliveryQueue`, each statement is a transaction, and skips rows that are locked if it changes several.
 */
@Injectable()
export class WebhookQueue {
  constructor(
    private readonly database: Database,
    private readonly identity: ProcessIdentity,
    private readonly slow: SlowReceivers,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'DELIVERY_LEASE_MS' | 'MAX_DELIVERIES_PER_WEBHOOK' | 'MAX_WEBHOOK_DELIVERIES_PER_PROCESS'
    >,
  ) {}

  /** Claims deliveries that are due, of all webhooks. @param active those that this process delivers */
  async claim(limit: number, active: readonly ClaimedWebhook[]): Promise<ClaimedWebhook[]> {
    const half = Math.floor(this.settings.MAX_WEBHOOK_DELIVERIES_PER_PROCESS / 2);
    const slow = this.slow.ids;
    const slowRuns = active.filter(({ isSlow, webhookId }) => isSlow || slow.has(webhookId)).length;
    const { rows } = await this.database.pool.query<ClaimedWebhook>({
      name: 'webhooks-claim',
      text: CLAIM,
      values: [
        active.map(({ webhookId }) => webhookId),
        active.map(({ executionId }) => executionId),
        limit,
        this.settings.MAX_DELIVERIES_PER_WEBHOOK,
        Math.max(0, half - slowRuns),
        this.identity.value,
        this.settings.DELIVERY_LEASE_MS,
        [...slow],
      ],
    });
    return rows;
  }

  /** Reads what the next request needs. @returns undefined if nothing may be sent to the webhook now */
  async receiver({ webhookId, executionId }: ClaimedWebhook): Promise<Receiver | undefined> {
    const { rows } = await this.database.pool.query<Receiver>({
      name: 'webhooks-receiver',
      text: RECEIVER,
      values: [webhookId, executionId],
    });
    return rows[0];
  }

  /** Renews the lease of a claim. @returns false if another process has taken over */
  async renew(delivery: ClaimedWebhook): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.webhook_queue SET due_at = ${IN_MS(5)} WHERE ${OF_CLAIM}`,
      [...this.ofClaim(delivery), this.settings.DELIVERY_LEASE_MS],
    );
    return rowCount === 1;
  }

  /**
   * Ends a claim without a failure. If the target is higher than the position, the row is due again. A position that was
   * found with other types or another filter than the present ones is not stored.
   */
  async release(delivery: ClaimedWebhook, position: number, filterVersion: number): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.webhook_queue SET claimed_by = NULL, position = $5,
         due_at = CASE WHEN target > $5 THEN now() END,
         waiting_since = CASE WHEN target <= $5 THEN NULL WHEN position < $5 THEN now() ELSE waiting_since END
       WHERE ${OF_CLAIM} AND EXISTS (SELECT FROM cloutagent.webhooks WHERE id = $2 AND filter_version = $6)`,
      [...this.ofClaim(delivery), position, filterVersion],
    );
    if (rowCount !== 1) await this.giveBack(delivery);
  }

  /** Makes a claimed row due again, without progress. Does nothing if the claim is lost. */
  async giveBack(delivery: ClaimedWebhook): Promise<void> {
    await this.database.pool.query(
      `UPDATE cloutagent.webhook_queue SET claimed_by = NULL, due_at = now() WHERE ${OF_CLAIM}`,
      this.ofClaim(delivery),
    );
  }

  /** Deletes the row of an execution that has ended, and whose wanted events are delivered. */
  async finish(delivery: ClaimedWebhook, filterVersion: number): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      `DELETE FROM cloutagent.webhook_queue
       WHERE ${OF_CLAIM} AND EXISTS (SELECT FROM cloutagent.webhooks WHERE id = $2 AND filter_version = $5)`,
      [...this.ofClaim(delivery), filterVersion],
    );
    if (rowCount !== 1) await this.giveBack(delivery);
  }

  /** Makes the deliveries of a process that has died due now. Otherwise their leases would have to end first. */
  async takeFrom(identity: string): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      `UPDATE cloutagent.webhook_queue SET due_at = now() WHERE (execution_id, webhook_id) IN (
         SELECT execution_id, webhook_id FROM cloutagent.webhook_queue
         WHERE claimed_by = $1 AND due_at > now() FOR UPDATE SKIP LOCKED)`,
      [identity],
    );
    return (rowCount ?? 0) > 0;
  }

  /** Counts what is undelivered. */
  async backlog(): Promise<WebhookBacklog> {
    const { rows } = await this.database.pool.query<WebhookBacklog>(
      `SELECT p.*, d.* FROM (
         SELECT count(*)::int AS pending,
           coalesce(extract(epoch FROM now() - min(waiting_since)), 0)::float8 AS "oldestSeconds"
         FROM cloutagent.webhook_queue WHERE due_at IS NOT NULL
       ) AS p, (SELECT count(*)::int AS dead FROM cloutagent.webhook_queue WHERE dead_at IS NOT NULL) AS d`,
    );
    return rows[0]!;
  }

  private ofClaim({ executionId, webhookId, claim }: ClaimedWebhook): unknown[] {
    return [executionId, webhookId, this.identity.value, claim];
  }
}
