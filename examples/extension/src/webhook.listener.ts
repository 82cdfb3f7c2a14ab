import type { ExecutionEventOf } from '@cloutagent/contract';
import { type Delivery, OnExecutionEvent } from '@cloutagent/server';
import { Injectable } from '@nestjs/common';
import { TeamSettings } from './team-settings.js';

type Ended = 'execution:completed' | 'execution:failed' | 'execution:cancelled';

/** Posts the end of each execution, at least once. The receiver ignores an Idempotency-Key that it already knows. */
@Injectable()
export class Webhook {
  constructor(private readonly settings: TeamSettings) {}

  @OnExecutionEvent(['execution:completed', 'execution:failed', 'execution:cancelled'], {
    durable: 'webhook',
  })
  async post(event: ExecutionEventOf<Ended>, { signal }: Delivery): Promise<void> {
    const response = await fetch(this.settings.webhookUrl, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': `${event.executionId}:${event.sequence}`,
      },
      body: JSON.stringify(event),
      signal,
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
  }
}
