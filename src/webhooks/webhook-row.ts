import type { EventType, Webhook } from '@cloutagent/contract';

/** A webhook as the database returns it. */
export interface WebhookRow extends Omit<Webhook, 'createdAt' | 'updatedAt' | 'events'> {
  id: string;
  events: EventType[];
  createdAt: Date;
  updatedAt: Date;
}

/** Selects `WebhookRow`s of the table `w`. */
export const WEBHOOK = `
  SELECT w.id, w.project_id AS "projectId", w.name, w.url, w.events, w.enabled, w.disabled_reason AS "disabledReason",
    w.payload, w.workflow_name AS workflow, w.tag, w.cloud_events AS "cloudEvents", w.created_at AS "createdAt",
    w.updated_at AS "updatedAt", w.created_by AS "createdBy",
    (SELECT count(*)::int FROM cloutagent.webhook_secrets AS s
     WHERE s.webhook_id = w.id AND (s.expires_at IS NULL OR s.expires_at > now())) AS "signingSecrets",
    (SELECT count(*)::int FROM cloutagent.webhook_queue AS q
     WHERE q.webhook_id = w.id AND q.due_at IS NOT NULL) AS pending,
    (SELECT count(*)::int FROM cloutagent.webhook_queue AS q
     WHERE q.webhook_id = w.id AND q.dead_at IS NOT NULL) AS dead
  FROM cloutagent.webhooks AS w`;

/** Makes the webhook that the API shows. */
export function toWebhook({ id: _id, createdAt, updatedAt, ...rest }: WebhookRow): Webhook {
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
