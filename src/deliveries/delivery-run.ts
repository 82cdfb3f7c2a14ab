import { isTerminalEvent } from '@cloutagent/contract';
import { abortable } from '../common/abortable.js';
import { backoffMs } from '../common/backoff.js';
import type { SecretRedactor } from '../config/secret-redactor.js';
import type { Settings } from '../config/settings.js';
import { parseEvent } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { JournalReader } from '../journal/journal-reader.js';
import { messageOf } from '../logging/error-info.js';
import { Logger } from '../logging/logger.js';
import { inContext } from '../logging/work-context.js';
import type { ClaimedDelivery, DeliveryQueue } from './delivery-queue.js';
import type { DeliveryStats } from './delivery-stats.js';
import type { DurableSubscriber } from './durable-subscriber.js';
import { Lease } from './lease.js';

/** Events that one claim delivers. Then the other executions have their turn. */
const PAGE_EVENTS = 100;
/** A crash delivers the events of at most this time again. Each position that is stored costs a commit. */
const ADVANCE_INTERVAL_MS = 100;
const MAX_ERROR_LENGTH = 1_000;

type DeliverySettings = Pick<
  Settings,
  | 'CATCH_UP_PAGE_MAX_BYTES'
  | 'DELIVERY_LEASE_MS'
  | 'DELIVERY_RETRY_BASE_MS'
  | 'DELIVERY_RETRY_MAX_MS'
  | 'DELIVERY_TIMEOUT_MS'
  | 'MAX_ATTEMPTS_PER_DELIVERY'
>;

/** What all deliveries of a subscriber in this process share. */
export interface DeliveryContext {
  readonly subscriber: DurableSubscriber;
  readonly queue: DeliveryQueue;
  readonly reader: JournalReader;
  readonly secrets: SecretRedactor;
  readonly settings: DeliverySettings;
  readonly stats: DeliveryStats;
}

/** Delivers a page of one execution's events to one subscriber, under one claim. */
export class DeliveryRun {
  private readonly logger = new Logger(DeliveryRun.name);
  private readonly lease: Lease;
  private position: number;
  private attempts: number;
  private advancedAt = performance.now();

  /**
   * @param claimedAt when the claim was sent, in ms of the monotonic clock
   * @param stopping aborts when the process stops: the run ends after the present event
   * @param abandoned aborts when the process cannot wait for the present event any longer
   */
  constructor(
    private readonly context: DeliveryContext,
    private readonly delivery: ClaimedDelivery,
    claimedAt: number,
    private readonly stopping: AbortSignal,
    private readonly abandoned: AbortSignal,
  ) {
    this.position = delivery.position;
    this.attempts = delivery.attempts;
    const { queue, settings, subscriber } = context;
    this.lease = new Lease(subscriber.id, settings.DELIVERY_LEASE_MS, claimedAt, () =>
      queue.renew(subscriber.id, delivery),
    );
  }

  /**
   * Delivers until the page is delivered, an event fails, or the claim is lost.
   * @returns how long to wait before the next attempt, in ms; undefined after a success, and when the delivery is dead
   * @throws the database's error; the events since the last stored position are then delivered again
   */
  async run(): Promise<number | undefined> {
    const { queue, subscriber } = this.context;
    try {
      const { events, isLast } = await this.readPage();
      for (const event of events) {
        if (this.lease.isLost) return undefined;
        if (this.stopping.aborted) break;
        const failure = await this.attempt(event);
        if (this.lease.signal.aborted) return undefined;
        // A receiver that fails while the process stops may fail because of that, so the failure does not count.
        if (failure !== undefined && this.stopping.aborted) break;
        if (failure !== undefined) return await this.fail(event, failure);
        this.position = event.sequence;
        this.attempts = 0;
        if (isTerminalEvent(event.type)) {
          await queue.finish(subscriber, this.delivery);
          return undefined;
        }
        await this.advance();
      }
      const isDone = isLast && !this.stopping.aborted;
      const position = isDone ? Math.max(this.position, this.delivery.target) : this.position;
      await queue.release(subscriber, this.delivery, position);
      return undefined;
    } finally {
      this.lease.end();
    }
  }

  private async readPage(): Promise<{ events: RecordedEvent[]; isLast: boolean }> {
    const { reader, settings, subscriber } = this.context;
    const bytes = settings.CATCH_UP_PAGE_MAX_BYTES;
    const { executionId, position } = this.delivery;
    const { types } = subscriber;
    const events = await reader.read(executionId, position, { types, limit: PAGE_EVENTS, bytes });
    const read = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
    return { events, isLast: events.length < PAGE_EVENTS && read < bytes };
  }

  /** Hands one event over. @returns the error if that fails */
  private async attempt(event: RecordedEvent): Promise<{ error: unknown } | undefined> {
    const { settings, stats, subscriber } = this.context;
    const { executionId } = this.delivery;
    // A process that crashes with each attempt never records a failure itself.
    if (this.attempts >= settings.MAX_ATTEMPTS_PER_DELIVERY)
      return { error: new Error('the process ended during the last attempt') };
    const timeout = new AbortController();
    const timer = setTimeout(
      () => timeout.abort(new Error(`timed out after ${settings.DELIVERY_TIMEOUT_MS} ms`)),
      settings.DELIVERY_TIMEOUT_MS,
    );
    const signal = AbortSignal.any([timeout.signal, this.lease.signal, this.abandoned]);
    const call = async () => subscriber.deliver(parseEvent(event), { attempt: this.attempts + 1, signal });
    const onStray = (error: unknown) =>
      this.logger.error(`an error of ${subscriber.id} was not handled`, error, { executionId });
    try {
      await abortable(
        inContext({ members: { executionId, subscriber: subscriber.id }, onStray }, call),
        signal,
      );
      stats.delivered += 1;
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      clearTimeout(timer);
    }
  }

  private async advance(): Promise<void> {
    if (performance.now() - this.advancedAt < ADVANCE_INTERVAL_MS) return;
    this.advancedAt = performance.now();
    const { queue, subscriber } = this.context;
    if (await queue.advance(subscriber, this.delivery, this.position)) this.lease.extend(this.advancedAt);
    else this.lease.lose();
  }

  private async fail(event: RecordedEvent, { error }: { error: unknown }): Promise<number | undefined> {
    const { queue, secrets, settings, stats, subscriber } = this.context;
    const { executionId } = this.delivery;
    // The first event of the run may already have failed in earlier runs.
    const attempts = Math.min(this.attempts + 1, settings.MAX_ATTEMPTS_PER_DELIVERY);
    const isDead = attempts === settings.MAX_ATTEMPTS_PER_DELIVERY;
    const retryMs = isDead
      ? undefined
      : backoffMs(attempts, settings.DELIVERY_RETRY_BASE_MS, settings.DELIVERY_RETRY_MAX_MS);
    stats.failed += 1;
    if (isDead) stats.died += 1;
    const what = `${subscriber.id} did not take event ${event.sequence} (${event.type}), attempt ${attempts}`;
    if (isDead)
      this.logger.error(`${what}; the delivery is dead until it is replayed`, error, { executionId });
    else this.logger.warn(`${what}: ${messageOf(error)}`, { executionId });
    await queue.fail(subscriber, this.delivery, {
      position: this.position,
      sequence: event.sequence,
      attempts,
      // PostgreSQL does not store U+0000.
      error: secrets.forProcess
        .text(messageOf(error))
        .replaceAll('\0', '')
        .slice(0, MAX_ERROR_LENGTH)
        .toWellFormed(),
      retryMs,
    });
    return retryMs;
  }

  /** Renews the lease, and aborts the call if another process has taken over. */
  renew(): Promise<void> {
    return this.lease.renew();
  }
}
