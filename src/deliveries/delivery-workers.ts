import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { ProcessPresence } from '../cluster/process-presence.js';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Settings } from '../config/settings.js';
import { EventBus, type PublishedBatch } from '../events/event-bus.js';
import { JournalReader } from '../journal/journal-reader.js';
import { NotificationTransport } from '../journal/notifications/notification-transport.js';
import { Logger } from '../logging/logger.js';
import { DeliveryQueue } from './delivery-queue.js';
import { DeliveryStats } from './delivery-stats.js';
import { DeliveryWorker } from './delivery-worker.js';
import type { DurableSubscriber } from './durable-subscriber.js';
import { SubscriberRegistry } from './subscriber-registry.js';

/** Share of SHUTDOWN_TIMEOUT_MS in which calls that are under way may end. */
const DRAIN_SHARE = 0.15;
/** Other processes deliver what they append, if they have the same code. This is only for those that do not. */
const HINT_DELAY_MS = 250;

/**
 * The workers of the durable subscribers of this process. Commits of this process wake them at once, and notifications of
 * other processes soon. A poll finds what notifications have missed.
 */
@Injectable()
export class DeliveryWorkers implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger(DeliveryWorkers.name);
  private readonly workers = new Map<string, DeliveryWorker>();
  private readonly subscriptions: Subscription[] = [];
  /** For `/metrics`, by the id of the subscriber. */
  readonly stats = new Map<string, DeliveryStats>();
  /** Subscribers of which the log has said that another release delivers to them. */
  private readonly replaced = new Set<string>();
  private stopped: Promise<unknown> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private hintTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly registry: SubscriberRegistry,
    private readonly queue: DeliveryQueue,
    private readonly reader: JournalReader,
    private readonly bus: EventBus,
    private readonly notifications: NotificationTransport,
    private readonly detector: DeathDetector,
    private readonly presence: ProcessPresence,
    private readonly secrets: SecretRedactor,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  /**
   * Registers a subscriber and begins to deliver to it when the application has started. Call it in `onModuleInit`: then
   * no execution that this process runs can end before the registration.
   * @throws the database's error
   */
  async add(subscriber: DurableSubscriber): Promise<void> {
    await this.registry.register(subscriber);
    const stats = new DeliveryStats();
    const { queue, reader, secrets, settings } = this;
    const context = { subscriber, queue, reader, secrets, settings, stats };
    this.stats.set(subscriber.id, stats);
    this.workers.set(subscriber.id, new DeliveryWorker(context, this.settings.MAX_DELIVERIES_PER_SUBSCRIBER));
  }

  /** Has deliveries claimed that have become due in another way than by an append. */
  wake(): void {
    for (const worker of this.workers.values()) worker.wake();
  }

  onApplicationBootstrap(): void {
    if (this.workers.size === 0) return;
    this.subscriptions.push(
      this.bus.batches.subscribe((batch) => this.onCommit(batch)),
      this.notifications.activity.subscribe(() => this.onHint()),
      this.notifications.missed.subscribe(() => this.pollAll()),
      this.detector.dead.subscribe(({ identity }) => void this.takeFrom(identity)),
      this.presence.returned.subscribe(() => this.renewAll()),
    );
    this.timer = setInterval(() => this.pollAll(), this.settings.JOURNAL_POLL_INTERVAL_MS);
    this.timer.unref();
    this.pollAll();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
    clearTimeout(this.hintTimer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    const graceMs = this.settings.SHUTDOWN_TIMEOUT_MS * DRAIN_SHARE;
    this.stopped = Promise.all([...this.workers.values()].map((worker) => worker.stop(graceMs)));
  }

  /** Waits for the calls that are under way. The other processes take their deliveries over. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopped;
  }

  private onCommit({ executionId, events }: PublishedBatch): void {
    for (const worker of this.workers.values())
      if (!worker.isDelivering(executionId) && events.some(({ type }) => worker.wants(type))) worker.wake();
  }

  private onHint(): void {
    if (this.hintTimer) return;
    this.hintTimer = setTimeout(() => {
      this.hintTimer = undefined;
      this.wake();
    }, HINT_DELAY_MS);
    this.hintTimer.unref();
  }

  /** Others may have taken this process for dead. */
  private renewAll(): void {
    for (const worker of this.workers.values()) worker.renew();
  }

  private pollAll(): void {
    for (const worker of this.workers.values()) void this.poll(worker);
  }

  private async poll(worker: DeliveryWorker): Promise<void> {
    const { subscriber } = worker;
    try {
      const registration = await this.registry.touch(subscriber);
      // An operator has deleted it although this process has it.
      if (!registration) await this.registry.register(subscriber);
      if (!registration?.isBackfilled) await this.registry.backfill(subscriber.id);
      if (registration?.isCurrent === false && !this.replaced.has(subscriber.id)) {
        this.replaced.add(subscriber.id);
        this.logger.warn(
          `another process has registered ${subscriber.id} with other event types, so this process does not deliver to it`,
        );
      }
      await worker.poll();
    } catch (error) {
      // The database is closed while a poll is under way.
      if (this.stopped) return;
      this.logger.warn(`deliveries to ${subscriber.id} could not be polled: ${(error as Error).message}`);
    }
  }

  private async takeFrom(identity: string): Promise<void> {
    try {
      if (await this.queue.takeFrom(identity)) this.wake();
    } catch (error) {
      this.logger.warn(
        `the deliveries of process ${identity} could not be taken over: ${(error as Error).message}`,
      );
    }
  }
}
