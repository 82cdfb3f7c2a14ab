import { Injectable } from '@nestjs/common';
import type { WebhookDeliveryStatus } from '@cloutagent/contract';

/** What is undelivered, for all webhooks and processes together, counted by execution. */
export interface WebhookBacklog {
  pending: number;
  dead: number;
  /** How long the oldest pending delivery has made no progress, in seconds; 0 if there is none. */
  oldestSeconds: number;
}

/** Counts for `/metrics`. */
@Injectable()
export class WebhookStats {
  /** Attempts of this process, by their result. */
  readonly attempts: Record<WebhookDeliveryStatus, number> = { delivered: 0, failed: 0, dead: 0 };
  /** As of the last poll. */
  backlog: WebhookBacklog = { pending: 0, dead: 0, oldestSeconds: 0 };
}
