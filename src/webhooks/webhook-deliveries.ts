import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { ProcessPresence } from '../cluster/process-presence.js';
import { Settings } from '../config/settings.js';
import { Listener } from '../database/listener.js';
import { DeliveryPool } from '../deliveries/delivery-pool.js';
import { EventBus, type PublishedBatch } from '../events/event-bus.js';
import { JournalReader } from '../journal/journal-reader.js';
import { NotificationTransport } from '../journal/notifications/notification-transport.js';
import { Logger } from '../logging/logger.js';
import { AttemptLog } from './attempt-log.js';
import { AttemptRecorder } from './attempt-recorder.js';
import { type ClaimedWebhook, WebhookQueue } from './webhook-queue.js';
import { WebhookRegistry, WEBHOOKS_CHANNEL } from './webhook-registry.js';
import { WebhookRun } from './webhook-run.js';
import { WebhookSender } from './webhook-sender.js';
import { WebhookStats } from './webhook-stats.js';

/** Share of SHUTDOWN_TIMEOUT_MS in which requests that are under way may end. */
const DRAIN_SHARE = 0.15;
/** Other processes deliver what they append. This is only for when they are busy. */
const HINT_DELAY_MS = 250;

/**
 * Delivers to all webhooks in this process, by one pool. Commits of this process wake it at once, and notifications of other
 * processes soon. A poll finds what notifications have missed. Without webhooks it does nothing.
 */
@Injectable()
export class WebhookDeliveries
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown
{
  private readonly logger = new Logger(WebhookDeliveries.name);
  private readonly pool: DeliveryPool<ClaimedWebhook>;
  private readonly subscriptions: Subscription[] = [];
  /** The types that any webhook wants. */
  private types: ReadonlySet<string> = new Set();
  private stopped: Promise<unknown> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private sweepTimer: NodeJS.Timeout | undefined;
  private hintTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: WebhookQueue,
    recorder: AttemptRecorder,
    sender: WebhookSender,
    reader: JournalReader,
    private readonly registry: WebhookRegistry,
    private readonly log: AttemptLog,
    private readonly stats: WebhookStats,
    private readonly bus: EventBus,
    private readonly notifications: NotificationTransport,
    private readonly listener: Listener,
    private readonly detector: DeathDetector,
    private readonly presence: ProcessPresence,
    @Inject(Settings) private readonly settings: Settings,
  ) {
    const context = { queue, recorder, sender, reader, settings };
    this.pool = new DeliveryPool<ClaimedWebhook>(
      {
        name: 'webhooks',
        keyOf: ({ webhookId, executionId }) => `${webhookId}/${executionId}`,
        claim: (limit, active) => queue.claim(limit, active),
        runOf: (claimed, claimedAt, stopping, abandoned) =>
          new WebhookRun(context, claimed, claimedAt, stopping, abandoned),
      },
      settings.MAX_WEBHOOK_DELIVERIES_PER_PROCESS,
    );
  }

  async onModuleInit(): Promise<void> {
    const changes = await this.listener.listen(WEBHOOKS_CHANNEL);
    this.subscriptions.push(changes.subscribe(() => void this.poll()));
  }

  onApplicationBootstrap(): void {
    this.subscriptions.push(
      this.bus.batches.subscribe((batch) => this.onCommit(batch)),
      this.notifications.activity.subscribe(() => this.onHint()),
      this.notifications.missed.subscribe(() => void this.poll()),
      this.detector.dead.subscribe(({ identity }) => void this.takeFrom(identity)),
      this.presence.returned.subscribe(() => this.pool.renew()),
    );
    this.timer = setInterval(() => void this.poll(), this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
    this.sweepTimer = setInterval(() => void this.sweep(), this.settings.RETENTION_SWEEP_INTERVAL_MS);
    this.sweepTimer.unref();
    void this.poll();
    void this.sweep();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    clearInterval(this.sweepTimer);
    clearTimeout(this.hintTimer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.stopped = this.pool.stop(this.settings.SHUTDOWN_TIMEOUT_MS * DRAIN_SHARE);
  }

  /** Waits for the requests that are under way. The other processes take their deliveries over. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopped;
  }

  /** Has deliveries claimed that have become due in another way than by an append. */
  wake(): void {
    this.pool.wake();
  }

  private onCommit({ events }: PublishedBatch): void {
    if (events.some(({ type }) => this.types.has(type))) this.pool.wake();
  }

  private onHint(): void {
    if (this.hintTimer || this.types.size === 0) return;
    this.hintTimer = setTimeout(() => {
      this.hintTimer = undefined;
      this.pool.wake();
    }, HINT_DELAY_MS);
    this.hintTimer.unref();
  }

  private async poll(): Promise<void> {
    try {
      this.types = new Set(await this.registry.wantedTypes());
      if (this.types.size > 0) this.pool.wake();
      this.stats.backlog =
        this.types.size > 0 ? await this.queue.backlog() : { pending: 0, dead: 0, oldestSeconds: 0 };
    } catch (error) {
      // The database is closed while a poll is under way.
      if (!this.stopped)
        this.logger.warn(`deliveries to webhooks could not be polled: ${(error as Error).message}`);
    }
  }

  private async sweep(): Promise<void> {
    try {
      await this.registry.sweep();
      await this.log.sweep();
    } catch (error) {
      if (!this.stopped)
        this.logger.warn(`the log of webhooks could not be swept: ${(error as Error).message}`);
    }
  }

  private async takeFrom(identity: string): Promise<void> {
    try {
      if (await this.queue.takeFrom(identity)) this.pool.wake();
    } catch (error) {
      this.logger.warn(
        `the webhook deliveries of process ${identity} could not be taken over: ${(error as Error).message}`,
      );
    }
  }
}
