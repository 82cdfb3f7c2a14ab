import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { merge, type Observable, Subject } from 'rxjs';
import { decodeHints, encodeHints } from './hint-text.js';
import type { NatsClient } from './nats-client.js';
import {
  type Carrier,
  type HintWatch,
  type JournalHint,
  NotificationTransport,
} from './notification-transport.js';
import type { PostgresNotifications } from './postgres-notifications.js';

/** Shorter than the time for which subscribers of `activity` collect before they act. */
const ACTIVITY_INTERVAL_MS = 100;

interface Watched {
  readonly subject: string;
  readonly established: Promise<void>;
  users: number;
}

/**
 * Carries hints by NATS. Each execution has a subject of its own, and a process subscribes to those that are watched in it.
 * Status changes have one subject that every process subscribes to, and so has the fact that there are new events.
 * While NATS is away, hints go through PostgreSQL, to which every process listens all the time.
 */
export class NatsNotifications extends NotificationTransport implements OnModuleInit, OnApplicationShutdown {
  private readonly received = new Subject<JournalHint>();
  private readonly activitySubject = new Subject<void>();
  private readonly watched = new Map<string, Watched>();
  private activitySentAt = -Infinity;
  private receivedByNats = 0;
  readonly hints: Observable<JournalHint>;
  readonly activity: Observable<void>;
  readonly missed: Observable<void>;

  /** @param prefix of all subjects */
  constructor(
    private readonly client: NatsClient,
    private readonly postgres: PostgresNotifications,
    private readonly prefix: string,
  ) {
    super();
    this.hints = merge(this.received, postgres.hints);
    this.activity = merge(this.activitySubject, postgres.activity);
    this.missed = merge(client.connected, client.lost, postgres.missed);
  }

  get carrier(): Carrier {
    return this.client.isConnected ? 'nats' : 'postgresql';
  }

  get receivedBy(): Record<Carrier, number> {
    return { nats: this.receivedByNats, ...this.postgres.receivedBy };
  }

  async onModuleInit(): Promise<void> {
    await this.postgres.onModuleInit();
    this.client.subscribe(`${this.prefix}.status`, this.receive);
    this.client.subscribe(`${this.prefix}.activity`, () => this.activitySubject.next());
    this.client.open();
  }

  onApplicationShutdown(): Promise<void> {
    return this.client.close();
  }

  async send(hints: readonly JournalHint[]): Promise<void> {
    if (this.client.isConnected) {
      try {
        this.publish(hints);
        await this.client.confirm();
        return;
      } catch {
        // The client has logged why.
      }
    }
    await this.postgres.send(hints);
  }

  watch(executionId: string): HintWatch {
    const watched = this.watched.get(executionId) ?? this.subscribe(executionId);
    watched.users += 1;
    return { established: watched.established, release: () => this.release(executionId, watched) };
  }

  private subscribe(executionId: string): Watched {
    const subject = this.subjectOf(executionId);
    this.client.subscribe(subject, this.receive);
    // Without a connection `missed` emits when there is one.
    const established = this.client.confirm().catch(() => undefined);
    const watched: Watched = { subject, established, users: 0 };
    this.watched.set(executionId, watched);
    return watched;
  }

  private release(executionId: string, watched: Watched): void {
    watched.users -= 1;
    if (watched.users > 0) return;
    this.watched.delete(executionId);
    this.client.unsubscribe(watched.subject);
  }

  private publish(hints: readonly JournalHint[]): void {
    for (const text of encodeHints(hints.filter(({ statusChanged }) => statusChanged)))
      this.client.publish(`${this.prefix}.status`, text);
    for (const hint of hints)
      if (!hint.statusChanged) this.client.publish(this.subjectOf(hint.executionId), encodeHints([hint])[0]!);
    const now = performance.now();
    if (now - this.activitySentAt < ACTIVITY_INTERVAL_MS) return;
    this.activitySentAt = now;
    this.client.publish(`${this.prefix}.activity`, '');
  }

  private readonly receive = (text: string): void => {
    for (const hint of decodeHints(text)) {
      this.receivedByNats += 1;
      this.received.next(hint);
    }
  };

  private subjectOf(executionId: string): string {
    return `${this.prefix}.execution.${executionId}`;
  }
}
