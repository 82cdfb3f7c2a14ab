import { Inject, Injectable } from '@nestjs/common';
import type {
  EventType,
  ListWebhookDeliveries,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
} from '@cloutagent/contract';
import { isUuid } from '../common/uuid.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { JournalReader } from '../journal/journal-reader.js';
import { Logger } from '../logging/logger.js';
import { NotFoundError, ValidationFailedError } from '../problems/problem.error.js';
import { messageIdOf, messageOf, type MessageFormat, type MessageSource } from './webhook-message.js';

const DELIVERY = `a.id, a.execution_id AS "executionId", a.sequence, a.type, a.status, a.attempt, a.at,
  a.duration_ms AS "durationMs", a.response_status AS "responseStatus", a.error, a.next_attempt_at AS "nextAttemptAt"`;

const LIST = `
  SELECT ${DELIVERY} FROM cloutagent.webhook_attempts AS a
  WHERE a.webhook_id = $1 AND ($2::uuid IS NULL OR a.execution_id = $2) AND ($3::text IS NULL OR a.status = $3)
    AND ($4::uuid IS NULL OR a.id < $4)
  ORDER BY a.id DESC LIMIT $5`;

const DETAILS = `
  SELECT ${DELIVERY}, a.url, a.payload, a.cloud_events AS "cloudEvents", a.response_headers AS "responseHeaders",
    a.response_body AS "responseBody", e.project_id AS "projectId", e.workflow_name AS "workflowName",
    e.workflow_version AS "workflowVersion"
  FROM cloutagent.webhook_attempts AS a JOIN cloutagent.executions AS e ON e.id = a.execution_id
  WHERE a.webhook_id = $1 AND a.id = $2`;

const DELETE_OLD = `
  DELETE FROM cloutagent.webhook_attempts WHERE id IN (
    SELECT id FROM cloutagent.webhook_attempts WHERE at < now() - make_interval(days => $1)
    LIMIT 10000 FOR UPDATE SKIP LOCKED)`;

const TRIM = `
  DELETE FROM cloutagent.webhook_attempts WHERE webhook_id = $1 AND id <= (
    SELECT id FROM cloutagent.webhook_attempts WHERE webhook_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)`;

interface DeliveryRow extends Omit<WebhookDelivery, 'messageId' | 'at' | 'nextAttemptAt'> {
  at: Date;
  nextAttemptAt: Date | null;
}

type DetailsRow = DeliveryRow &
  MessageFormat &
  MessageSource & {
    type: EventType;
    url: string;
    responseHeaders: Record<string, string> | null;
    responseBody: string | null;
  };

/** The log of attempts. Each webhook keeps its newest ones, for a number of days. */
@Injectable()
export class AttemptLog {
  private readonly logger = new Logger(AttemptLog.name);
  /** Attempts that this process has added since it last trimmed the log of their webhook. */
  private readonly untrimmed = new Map<string, number>();

  constructor(
    private readonly database: Database,
    private readonly reader: JournalReader,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_LOGGED_ATTEMPTS_PER_WEBHOOK' | 'WEBHOOK_LOG_DAYS'>,
  ) {}

  /**
   * Reads a page of attempts, newest first.
   * @throws ValidationFailedError for a cursor that is not from this list
   */
  async list(
    webhookId: string,
    { executionId, status, limit, cursor }: ListWebhookDeliveries,
  ): Promise<WebhookDeliveryPage> {
    if (cursor !== undefined && !isUuid(cursor))
      throw new ValidationFailedError([
        { path: 'cursor', message: 'must be the nextCursor of the page before, unchanged' },
      ]);
    const { rows } = await this.database.pool.query<DeliveryRow>(LIST, [
      webhookId,
      executionId ?? null,
      status ?? null,
      cursor ?? null,
      limit + 1,
    ]);
    const deliveries = rows.slice(0, limit).map(toDelivery);
    return { deliveries, nextCursor: rows.length > limit ? deliveries.at(-1)!.id : null };
  }

  /**
   * Reads an attempt with request and answer. The request is made again from the event, without its signatures.
   * @throws NotFoundError
   */
  async details(webhookId: string, id: string): Promise<WebhookDeliveryDetails> {
    const { rows } = await this.database.pool.query<DetailsRow>(DETAILS, [webhookId, id]);
    const event = rows[0] && (await this.reader.at(rows[0].executionId, rows[0].sequence));
    if (!rows[0] || !event) throw new NotFoundError('delivery');
    const { url, responseStatus, responseHeaders, responseBody } = rows[0];
    const message = messageOf(event, rows[0], rows[0]);
    const timestamp = String(Math.floor(rows[0].at.getTime() / 1000));
    return {
      ...toDelivery(rows[0]),
      request: { url, headers: { ...message.headers, 'webhook-timestamp': timestamp }, body: message.body },
      response:
        responseStatus === null
          ? null
          : { status: responseStatus, headers: responseHeaders ?? {}, body: responseBody ?? '' },
    };
  }

  /** Counts an attempt that was added, and deletes the oldest ones of the webhook from time to time. */
  added(webhookId: string): void {
    const count = (this.untrimmed.get(webhookId) ?? 0) + 1;
    const isDue = count >= this.settings.MAX_LOGGED_ATTEMPTS_PER_WEBHOOK / 10;
    if (!isDue) {
      this.untrimmed.set(webhookId, count);
      return;
    }
    this.untrimmed.delete(webhookId);
    this.trim(webhookId).catch((error: Error) =>
      this.logger.warn(`the log of a webhook could not be trimmed: ${error.message}`),
    );
  }

  /** Deletes attempts that are older than WEBHOOK_LOG_DAYS, and of each webhook all but the newest ones. */
  async sweep(): Promise<void> {
    while ((await this.database.pool.query(DELETE_OLD, [this.settings.WEBHOOK_LOG_DAYS])).rowCount);
    const { rows } = await this.database.pool.query<{ id: string }>('SELECT id FROM cloutagent.webhooks');
    for (const { id } of rows) await this.trim(id);
    this.untrimmed.clear();
  }

  private async trim(webhookId: string): Promise<void> {
    await this.database.pool.query(TRIM, [webhookId, this.settings.MAX_LOGGED_ATTEMPTS_PER_WEBHOOK]);
  }
}

function toDelivery(row: DeliveryRow): WebhookDelivery {
  const { id, executionId, sequence, type, status, attempt, at, durationMs } = row;
  const { responseStatus, error, nextAttemptAt } = row;
  return {
    id,
    messageId: messageIdOf(executionId, sequence),
    executionId,
    sequence,
    type,
    status,
    attempt,
    at: at.toISOString(),
    durationMs,
    responseStatus,
    error,
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
  };
}
