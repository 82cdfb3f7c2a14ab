import { Inject, Injectable } from '@nestjs/common';
import type { PutWebhook, Webhook, WebhookWithSecret } from '@cloutagent/contract';
import type pg from 'pg';
import { v7 } from '../common/uuid.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { refreshTriggers, WEBHOOK_TRIGGERS } from '../deliveries/delivery-triggers.js';
import { lockJournal, withJournalLock } from '../deliveries/journal-lock.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { SigningSecrets } from './signing-secrets.js';
import { toWebhook, WEBHOOK, type WebhookRow } from './webhook-row.js';

/** Channel on which each change of a webhook is notified. */
export const WEBHOOKS_CHANNEL = 'cloutagent_webhooks';
/** Advisory lock that lets one transaction at a time change webhooks, so that each sees the types of all others. */
const WEBHOOKS_LOCK = 0x77656268;

const UPDATE = `
  UPDATE cloutagent.webhooks SET url = $3, events = $4, enabled = $5, payload = $6, workflow_name = $7, tag = $8,
    cloud_events = $9, disabled_reason = NULL, failing_since = NULL, slow_since = NULL, throttled_until = NULL, updated_at = now(),
    filter_version = filter_version + CASE WHEN events = $4 AND workflow_name IS NOT DISTINCT FROM $7
      AND tag IS NOT DISTINCT FROM $8 THEN 0 ELSE 1 END
  WHERE project_id = $1 AND name = $2 RETURNING id`;

const INSERT = `
  INSERT INTO cloutagent.webhooks
    (project_id, name, url, events, enabled, payload, workflow_name, tag, cloud_events, id, created_by)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`;

const DELETE_QUEUE = `
  DELETE FROM cloutagent.webhook_queue WHERE (execution_id, webhook_id) IN (
    SELECT execution_id, webhook_id FROM cloutagent.webhook_queue WHERE webhook_id = $1
    LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

const DELETE_ORPHANS = `
  DELETE FROM cloutagent.webhook_queue WHERE (execution_id, webhook_id) IN (
    SELECT execution_id, webhook_id FROM cloutagent.webhook_queue AS q
    WHERE NOT EXISTS (SELECT FROM cloutagent.webhooks WHERE id = q.webhook_id) LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

/**
 * Makes, changes and deletes webhooks. The triggers on the journal fire for the types that any webhook wants. Only a change
 * of these types locks the journal, for the time of the commits that are under way.
 */
@Injectable()
export class WebhookRegistry {
  constructor(
    private readonly database: Database,
    private readonly secrets: SigningSecrets,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_SECRETS_PER_WEBHOOK' | 'MAX_WEBHOOKS_PER_PROJECT'>,
  ) {}

  /**
   * Makes a webhook, or replaces what it has. A new one gets the events that are recorded from now on.
   * @param createdBy id of the principal
   * @returns the webhook, with its signing secret if it is new
   * @throws ProblemError `too_many_webhooks`, 503 `secrets_unavailable`
   */
  put(projectId: string, name: string, wanted: PutWebhook, createdBy: string): Promise<WebhookWithSecret> {
    const { url, events, enabled, payload, workflow = null, tag = null, cloudEvents } = wanted;
    const types = [...new Set(events)].toSorted();
    const values = [projectId, name, url, types, enabled, payload, workflow, tag, cloudEvents];
    return this.change(async (client) => {
      if ((await client.query(UPDATE, values)).rowCount === 1)
        return toWebhook(await find(client, projectId, name));
      const { rows } = await client.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM cloutagent.webhooks WHERE project_id = $1',
        [projectId],
      );
      if (rows[0]!.count >= this.settings.MAX_WEBHOOKS_PER_PROJECT)
        throw new ProblemError('too_many_webhooks');
      const id = v7();
      await client.query(INSERT, [...values, id, createdBy]);
      const secret = await this.addSecret(client, id);
      return { ...toWebhook(await find(client, projectId, name)), secret };
    });
  }

  /** Deletes a webhook with its deliveries. @throws NotFoundError */
  async remove(projectId: string, name: string): Promise<void> {
    const id = await this.change(async (client) => {
      // An append waits for the result of an attempt, which waits for the end of this transaction: so this one must not wait
      // for the append once it has locked the webhook.
      if ((await wantedTypes(client)).length > (await wantedTypes(client, { projectId, name })).length)
        await lockJournal(client);
      const { rows } = await client.query<{ id: string }>(
        'DELETE FROM cloutagent.webhooks WHERE project_id = $1 AND name = $2 RETURNING id',
        [projectId, name],
      );
      if (!rows[0]) throw new NotFoundError('webhook');
      return rows[0].id;
    });
    // An append that began before may still add a row. A sweep deletes it.
    while ((await this.database.pool.query(DELETE_QUEUE, [id])).rowCount);
  }

  /**
   * Makes a signing secret. The old ones are valid for `keepOldForMs` longer, at most.
   * @throws NotFoundError, or a ProblemError `too_many_signing_secrets`, 503 `secrets_unavailable`
   */
  rotateSecret(projectId: string, name: string, keepOldForMs: number): Promise<WebhookWithSecret> {
    return this.database.transaction(async (client) => {
      const { id } = await find(client, projectId, name, 'FOR UPDATE OF w');
      await client.query(
        `UPDATE cloutagent.webhook_secrets
         SET expires_at = least(coalesce(expires_at, 'infinity'), now() + $2 * interval '1 ms') WHERE webhook_id = $1`,
        [id, keepOldForMs],
      );
      await client.query(
        'DELETE FROM cloutagent.webhook_secrets WHERE webhook_id = $1 AND expires_at <= now()',
        [id],
      );
      const secret = await this.addSecret(client, id);
      const webhook = await find(client, projectId, name);
      if (webhook.signingSecrets > this.settings.MAX_SECRETS_PER_WEBHOOK)
        throw new ProblemError('too_many_signing_secrets');
      return { ...toWebhook(webhook), secret };
    });
  }

  /** @throws NotFoundError */
  find(projectId: string, name: string): Promise<WebhookRow> {
    return find(this.database.pool, projectId, name);
  }

  /** Lists the webhooks of a project, by name. */
  async list(projectId: string): Promise<Webhook[]> {
    const { rows } = await this.database.pool.query<WebhookRow>(
      `${WEBHOOK} WHERE w.project_id = $1 ORDER BY w.name`,
      [projectId],
    );
    return rows.map(toWebhook);
  }

  /** Reads the types that any webhook wants. */
  wantedTypes(): Promise<string[]> {
    return wantedTypes(this.database.pool);
  }

  /** Deletes deliveries that the deletion of their webhook has left. */
  async sweep(): Promise<void> {
    while ((await this.database.pool.query(DELETE_ORPHANS)).rowCount);
  }

  private change<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    return withJournalLock(this.database, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [WEBHOOKS_LOCK]);
      const before = await wantedTypes(client);
      const result = await work(client);
      const after = await wantedTypes(client);
      if (before.join() !== after.join()) {
        await lockJournal(client);
        await refreshTriggers(client, WEBHOOK_TRIGGERS, after);
      }
      await client.query(`NOTIFY ${WEBHOOKS_CHANNEL}`);
      return result;
    });
  }

  private async addSecret(client: pg.PoolClient, webhookId: string): Promise<string> {
    const { text, id, keyId, sealed } = this.secrets.make(webhookId);
    await client.query(
      'INSERT INTO cloutagent.webhook_secrets (id, webhook_id, key_id, sealed) VALUES ($1, $2, $3, $4)',
      [id, webhookId, keyId, sealed],
    );
    return text;
  }
}

type Queries = Pick<pg.Pool | pg.PoolClient, 'query'>;

async function find(queries: Queries, projectId: string, name: string, lock = ''): Promise<WebhookRow> {
  const { rows } = await (queries as pg.Pool).query<WebhookRow>(
    `${WEBHOOK} WHERE w.project_id = $1 AND w.name = $2 ${lock}`,
    [projectId, name],
  );
  if (!rows[0]) throw new NotFoundError('webhook');
  return rows[0];
}

/** @param except a webhook that does not count */
async function wantedTypes(
  queries: Queries,
  except?: { projectId: string; name: string },
): Promise<string[]> {
  const { rows } = await (queries as pg.Pool).query<{ type: string }>(
    `SELECT DISTINCT unnest(events) AS type FROM cloutagent.webhooks
     WHERE (project_id = $1 AND name = $2) IS NOT TRUE ORDER BY type`,
    [except?.projectId ?? null, except?.name ?? null],
  );
  return rows.map(({ type }) => type);
}
