import { isTerminalEvent } from '@cloutagent/contract';
import type { Settings } from '../config/settings.js';
import { Lease } from '../deliveries/lease.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { JournalReader } from '../journal/journal-reader.js';
import { Logger } from '../logging/logger.js';
import type { AttemptRecorder, EventAttempt } from './attempt-recorder.js';
import { messageOf } from './webhook-message.js';
import type { ClaimedWebhook, Receiver, WebhookQueue } from './webhook-queue.js';
import type { WebhookSender } from './webhook-sender.js';

/** Events that one claim delivers. Then the other executions have their turn. */
const PAGE_EVENTS = 20;
/** How much a delay may differ from that of the setting, so that deliveries that failed together do not return together. */
const JITTER = 0.1;

/** What all deliveries of this process share. */
export interface WebhookContext {
  readonly queue: WebhookQueue;
  readonly recorder: AttemptRecorder;
  readonly sender: WebhookSender;
  readonly reader: JournalReader;
  readonly settings: Pick<
    Settings,
    'CATCH_UP_PAGE_MAX_BYTES' | 'DELIVERY_LEASE_MS' | 'WEBHOOK_RETRY_DELAYS_MS'
  >;
}

/** Delivers a page of one execution's events to one webhook, under one claim. */
export class WebhookRun {
  private readonly logger = new Logger(WebhookRun.name);
  private readonly lease: Lease;
  private position: number;

  /**
   * @param claimedAt when the claim was sent, in ms of the monotonic clock
   * @param stopping aborts when the process stops: the run ends after the present event
   * @param abandoned aborts when the process cannot wait for the present event any longer
   */
  constructor(
    private readonly context: WebhookContext,
    private readonly delivery: ClaimedWebhook,
    claimedAt: number,
    private readonly stopping: AbortSignal,
    private readonly abandoned: AbortSignal,
  ) {
    const { skipAfter, skipTo, position } = delivery;
    const isSkipping = skipAfter !== null && skipTo !== null && position >= skipAfter;
    this.position = isSkipping ? Math.max(position, skipTo) : position;
    this.lease = new Lease('webhooks', context.settings.DELIVERY_LEASE_MS, claimedAt, () =>
      context.queue.renew(delivery),
    );
  }

  /**
   * Delivers until the page is delivered, an event fails, nothing may be sent, or the claim is lost.
   * @returns how long to wait before the next attempt, in ms; undefined if there is none to wait for
   * @throws the database's error; the event is then delivered again
   */
  async run(): Promise<number | undefined> {
    try {
      return await this.deliverPage();
    } finally {
      this.lease.end();
    }
  }

  /** Renews the lease, and aborts the request if another process has taken over. */
  renew(): Promise<void> {
    return this.lease.renew();
  }

  private async deliverPage(): Promise<number | undefined> {
    const { queue } = this.context;
    let receiver = await queue.receiver(this.delivery);
    if (!receiver) {
      await queue.giveBack(this.delivery);
      return undefined;
    }
    const { filterVersion, isEnded } = receiver;
    const { events, isLast } = await this.readPage(receiver);
    for (const [index, event] of events.entries()) {
      if (this.lease.isLost) return undefined;
      // It may have been paused, or have other secrets since.
      if (index > 0) receiver = await queue.receiver(this.delivery);
      if (!receiver || receiver.filterVersion !== filterVersion || this.stopping.aborted) {
        await queue.release(this.delivery, this.position, filterVersion);
        return undefined;
      }
      if (this.isSkipped(event)) {
        this.position = event.sequence;
        continue;
      }
      const made = await this.attempt(receiver, event);
      if (!made || this.lease.signal.aborted) return undefined;
      if (made.attempt.error !== undefined) return this.fail(made);
      const sentAt = performance.now();
      if (!(await this.context.recorder.delivered(made))) {
        await queue.giveBack(this.delivery);
        return undefined;
      }
      this.lease.extend(sentAt);
      this.position = event.sequence;
      if (isTerminalEvent(event.type)) return this.finish(filterVersion);
    }
    // It had ended before the page was read, so there are no later events. A crash can leave such a row.
    if (isLast && isEnded) return this.finish(filterVersion);
    const position = isLast ? Math.max(this.position, this.delivery.target) : this.position;
    await queue.release(this.delivery, position, filterVersion);
    return undefined;
  }

  private async finish(filterVersion: number): Promise<undefined> {
    await this.context.queue.finish(this.delivery, filterVersion);
    return undefined;
  }

  private async readPage({ types }: Receiver): Promise<{ events: RecordedEvent[]; isLast: boolean }> {
    const { reader, settings } = this.context;
    const bytes = settings.CATCH_UP_PAGE_MAX_BYTES;
    const { executionId } = this.delivery;
    const events = await reader.read(executionId, this.position, { types, limit: PAGE_EVENTS, bytes });
    const read = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
    return { events, isLast: events.length < PAGE_EVENTS && read < bytes };
  }

  /** Whether a replay leaves the event out, because it is after the range and was delivered before. */
  private isSkipped({ sequence }: RecordedEvent): boolean {
    const { skipAfter, skipTo } = this.delivery;
    return skipAfter !== null && skipTo !== null && sequence > skipAfter && sequence <= skipTo;
  }

  /** Sends one event. @returns undefined if the process or the claim ends before there is an answer */
  private async attempt(receiver: Receiver, event: RecordedEvent): Promise<EventAttempt | undefined> {
    const { delivery } = this;
    const before = delivery.failedSequence === event.sequence ? delivery.attempts : 0;
    const message = messageOf(event, receiver, receiver);
    const signal = AbortSignal.any([this.lease.signal, this.abandoned]);
    try {
      const attempt = await this.context.sender.send(delivery.webhookId, receiver, message, signal);
      return { delivery, receiver, event, number: before + 1, attempt };
    } catch (error) {
      if (!signal.aborted) throw error;
      if (!this.lease.signal.aborted)
        await this.context.queue.release(delivery, this.position, receiver.filterVersion);
      return undefined;
    }
  }

  private async fail(made: EventAttempt): Promise<number | undefined> {
    const { recorder, settings } = this.context;
    const { attempt, number, event, delivery } = made;
    const { executionId, webhookId } = delivery;
    const what = `webhook ${webhookId} did not take event ${event.sequence} (${event.type}), attempt ${number}: ${attempt.error}`;
    if (attempt.isGone) {
      this.logger.warn(`${what} The webhook is disabled.`, { executionId });
      await recorder.gone(made);
      return undefined;
    }
    const delay = settings.WEBHOOK_RETRY_DELAYS_MS[number - 1];
    if (delay === undefined) {
      this.logger.warn(`${what} The delivery is dead until it is replayed.`, { executionId });
      await recorder.failed(made, undefined);
      return undefined;
    }
    const jittered = delay * (1 - JITTER + 2 * JITTER * Math.random());
    const retryMs = Math.round(Math.max(jittered, attempt.retryAfterMs ?? 0, attempt.throttleMs ?? 0));
    this.logger.debug(what, { executionId });
    await recorder.failed(made, retryMs);
    return retryMs;
  }
}
