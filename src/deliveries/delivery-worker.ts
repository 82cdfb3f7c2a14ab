import type { EventType } from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import { coalesce } from '../common/coalesce.js';
import { Logger } from '../logging/logger.js';
import { detached } from '../logging/work-context.js';
import type { ClaimedDelivery } from './delivery-queue.js';
import { type DeliveryContext, DeliveryRun } from './delivery-run.js';
import type { DurableSubscriber } from './durable-subscriber.js';

/** How long to wait after a claim that left nothing that was due: a busy journal wakes the worker with each commit. */
const MIN_CLAIM_INTERVAL_MS = 25;
/** How long a shutdown waits for a database that does not answer. The leases then end by themselves. */
const RELEASE_TIMEOUT_MS = 1_000;

/**
 * Delivers to one subscriber in this process, several executions at the same time. Each subscriber has a worker of its own,
 * so a slow one delays no other one.
 */
export class DeliveryWorker {
  private readonly logger = new Logger(DeliveryWorker.name);
  private readonly active = new Map<string, { run: DeliveryRun; ended: Promise<void> }>();
  private readonly stopping = new AbortController();
  private readonly abandoned = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly claim = coalesce(() => detached(() => this.claimDue()));
  private readonly types: ReadonlySet<EventType>;
  private isWaking = false;
  /** When a claim last left nothing that was due. */
  private claimedAllAt = -Infinity;

  /** @param limit executions at the same time */
  constructor(
    private readonly context: DeliveryContext,
    private readonly limit: number,
  ) {
    this.types = new Set(context.subscriber.types);
  }

  get subscriber(): DurableSubscriber {
    return this.context.subscriber;
  }

  wants(type: EventType): boolean {
    return this.types.has(type);
  }

  /** Whether the worker looks at new events of this execution anyway, because it delivers earlier ones. */
  isDelivering(executionId: string): boolean {
    return this.active.has(executionId);
  }

  /** Claims what is due, soon: calls within a short time share one claim. */
  wake(afterMs = 0): void {
    if (this.stopping.signal.aborted || (afterMs === 0 && this.isWaking)) return;
    if (afterMs === 0) this.isWaking = true;
    const sinceClaim = performance.now() - this.claimedAllAt;
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        if (afterMs === 0) this.isWaking = false;
        void this.claim();
      },
      Math.max(afterMs, MIN_CLAIM_INTERVAL_MS - sinceClaim, 0),
    );
    timer.unref();
    this.timers.add(timer);
  }

  /** Renews all leases now. Calls of which another process has taken the delivery over are aborted. */
  renew(): void {
    for (const { run } of this.active.values()) void run.renew();
  }

  /** Refreshes what the metrics show of the undelivered events. */
  async poll(): Promise<void> {
    this.wake();
    this.context.stats.backlog = await this.context.queue.backlog(this.subscriber.id);
  }

  /**
   * Claims no more, and ends each run after its present event.
   * @param graceMs after this time, it aborts the calls that are under way
   * @returns a promise that resolves when the runs have ended
   */
  async stop(graceMs: number): Promise<void> {
    this.stopping.abort();
    for (const timer of this.timers) clearTimeout(timer);
    const timer = setTimeout(() => this.abandoned.abort(new Error('the process is shutting down')), graceMs);
    const all = this.claim().then(() => Promise.all([...this.active.values()].map(({ ended }) => ended)));
    await Promise.race([all, sleep(graceMs + RELEASE_TIMEOUT_MS, undefined, { ref: false })]);
    clearTimeout(timer);
  }

  private async claimDue(): Promise<void> {
    for (;;) {
      const free = this.limit - this.active.size;
      if (free <= 0 || this.stopping.signal.aborted) return;
      let claimed: ClaimedDelivery[];
      const claimedAt = performance.now();
      try {
        claimed = await this.context.queue.claim(this.context.subscriber, free, [...this.active.keys()]);
      } catch (error) {
        this.logger.warn(
          `deliveries of ${this.subscriber.id} could not be claimed: ${(error as Error).message}`,
        );
        return;
      }
      for (const delivery of claimed) this.start(delivery, claimedAt);
      if (claimed.length < free) {
        this.claimedAllAt = performance.now();
        return;
      }
    }
  }

  private start(delivery: ClaimedDelivery, claimedAt: number): void {
    const { executionId } = delivery;
    const run = new DeliveryRun(
      this.context,
      delivery,
      claimedAt,
      this.stopping.signal,
      this.abandoned.signal,
    );
    const ended = run
      .run()
      .then((retryMs) => {
        if (retryMs !== undefined) this.wake(Math.max(1, retryMs));
      })
      .catch((error: Error) =>
        this.logger.warn(
          `a delivery to ${this.subscriber.id} could not be recorded; its last events are delivered again: ${error.message}`,
          { executionId },
        ),
      )
      .finally(() => {
        this.active.delete(executionId);
        this.wake();
      });
    this.active.set(executionId, { run, ended });
  }
}
