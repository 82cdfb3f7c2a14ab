import type { EventType } from '@cloutagent/contract';
import type { ClaimedDelivery } from './delivery-queue.js';
import { DeliveryPool } from './delivery-pool.js';
import { type DeliveryContext, DeliveryRun } from './delivery-run.js';
import type { DurableSubscriber } from './durable-subscriber.js';

/**
 * Delivers to one subscriber in this process, several executions at the same time. Each subscriber has a worker of its own,
 * so a slow one delays no other one.
 */
export class DeliveryWorker {
  private readonly types: ReadonlySet<EventType>;
  private readonly pool: DeliveryPool<ClaimedDelivery>;

  /** @param limit executions at the same time */
  constructor(
    private readonly context: DeliveryContext,
    limit: number,
  ) {
    const { queue, subscriber } = context;
    this.types = new Set(subscriber.types);
    this.pool = new DeliveryPool<ClaimedDelivery>(
      {
        name: subscriber.id,
        keyOf: ({ executionId }) => executionId,
        claim: (free, active) =>
          queue.claim(
            subscriber,
            free,
            active.map(({ executionId }) => executionId),
          ),
        runOf: (claimed, claimedAt, stopping, abandoned) =>
          new DeliveryRun(context, claimed, claimedAt, stopping, abandoned),
      },
      limit,
    );
  }

  get subscriber(): DurableSubscriber {
    return this.context.subscriber;
  }

  wants(type: EventType): boolean {
    return this.types.has(type);
  }

  /** Whether the worker reads new events of this execution anyway, because it delivers earlier ones. */
  isDelivering(executionId: string): boolean {
    return this.pool.has(executionId);
  }

  /** Claims what is due, soon. */
  wake(): void {
    this.pool.wake();
  }

  /** Renews all leases now. */
  renew(): void {
    this.pool.renew();
  }

  /** Refreshes what the metrics show of the undelivered events. */
  async poll(): Promise<void> {
    this.wake();
    this.context.stats.backlog = await this.context.queue.backlog(this.subscriber.id);
  }

  /** Ends the worker, see `DeliveryPool.stop`. */
  stop(graceMs: number): Promise<void> {
    return this.pool.stop(graceMs);
  }
}
