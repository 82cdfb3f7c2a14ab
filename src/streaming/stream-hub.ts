import {
  Inject,
  Injectable,
  Logger,
  type MessageEvent,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { ConnectionEstablished, EventType } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import { EventBus } from '../events/event-bus.js';
import { JournalReader } from '../journal/journal-reader.js';
import { JournalRelay } from '../journal/journal-relay.js';
import { Channel } from './channel.js';
import { encodeEstablished, encodeRetry, PING } from './sse-frame.js';
import { StreamStats } from './stream-stats.js';
import { Subscriber } from './subscriber.js';
import { TypeFilter } from './type-filter.js';

export interface StreamRequest {
  executionId: string;
  /** Events after this sequence are sent. */
  after: number;
  types?: readonly EventType[] | undefined;
  /** Where the frames go. */
  response: ServerResponse;
  /** What the first frame says; lastSequence is filled in. */
  established: Omit<ConnectionEstablished, 'lastSequence' | 'timestamp'>;
}

/** All open streams of this process: one channel an execution that is watched, one timer for everything. */
@Injectable()
export class StreamHub implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(StreamHub.name);
  private readonly channels = new Map<string, { channel: Channel; ready: Promise<void>; users: number }>();
  private readonly subscribers = new Set<Subscriber>();
  private timer: NodeJS.Timeout | undefined;
  private lastPoll = Date.now();

  constructor(
    private readonly bus: EventBus,
    private readonly journal: JournalReader,
    private readonly relay: JournalRelay,
    @Inject(Settings) private readonly settings: Settings,
    private readonly stats: StreamStats,
  ) {}

  onModuleInit(): void {
    this.relay.hints.subscribe(({ executionId }) => this.channels.get(executionId)?.channel.check());
    this.relay.missed.subscribe(() => this.checkAll());
    const { HEARTBEAT_MS, STREAM_STALL_MS, JOURNAL_POLL_MS } = this.settings;
    const interval = Math.max(5, Math.min(HEARTBEAT_MS, STREAM_STALL_MS, JOURNAL_POLL_MS) / 5);
    this.timer = setInterval(() => this.tick(), interval);
    this.timer.unref();
  }

  /** Tells every stream when to come back and ends it. */
  onModuleDestroy(): void {
    clearInterval(this.timer);
    for (const subscriber of this.subscribers)
      subscriber.farewell(encodeRetry(this.settings.STREAM_RETRY_MS));
  }

  /** Streams open on an execution here. */
  getClientCount(executionId: string): number {
    return this.channels.get(executionId)?.channel.subscribers.size ?? 0;
  }

  /** Whether anybody here watches an execution. */
  hasExecution(executionId: string): boolean {
    return this.channels.has(executionId);
  }

  /** Streams open here, and those of them whose socket takes nothing at the moment. */
  count(): { open: number; blocked: number } {
    let blocked = 0;
    for (const subscriber of this.subscribers) if (subscriber.isBlocked) blocked += 1;
    return { open: this.subscribers.size, blocked };
  }

  /** How many streams each watched execution has. */
  *channelSizes(): Iterable<number> {
    for (const { channel } of this.channels.values()) yield channel.subscribers.size;
  }

  /**
   * A stream, for an `@Sse()` method to return. Nest keeps its life cycle: headers, abort, end. The frames
   * do not pass through Nest's writer, which would format them once a stream; they are written to
   * `request.response` as shared buffers. What the Observable itself emits is one comment, which makes
   * Nest send the headers at once.
   */
  subscribe(request: StreamRequest): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      let subscriber: Subscriber | undefined;
      const { channel, ready } = this.join(request.executionId);
      const finish = (error?: Error) => {
        // Never an error into the Observable: Nest would send `event: error`. The client comes back by itself.
        if (error !== undefined)
          this.logger.error(`a stream of execution ${request.executionId} broke: ${error.message}`);
        if (subscriber) {
          subscriber.close();
          this.subscribers.delete(subscriber);
        }
        observer.complete();
      };
      observer.next({ comment: '' } as unknown as MessageEvent);
      ready.then(() => {
        if (observer.closed) return;
        const { response, after, types, established } = request;
        subscriber = new Subscriber(
          channel,
          this.journal,
          response,
          new TypeFilter(types),
          after,
          this.settings.STREAM_PAGE_BYTES,
          finish,
        );
        this.subscribers.add(subscriber);
        this.stats.opened += 1;
        const timestamp = new Date().toISOString();
        const greeting = encodeEstablished(
          { ...established, timestamp, lastSequence: channel.position },
          this.settings.STREAM_RETRY_MS,
        );
        subscriber.start(greeting);
      }, finish);
      return () => {
        if (subscriber) {
          subscriber.close();
          this.subscribers.delete(subscriber);
        }
        this.leave(request.executionId);
      };
    });
  }

  private join(executionId: string): { channel: Channel; ready: Promise<void> } {
    let entry = this.channels.get(executionId);
    if (!entry) {
      const limits = {
        ringBytes: this.settings.CHANNEL_RING_BYTES,
        pageBytes: this.settings.STREAM_PAGE_BYTES,
      };
      const onError = (error: unknown) =>
        this.logger.warn(`the journal of execution ${executionId} could not be read: ${String(error)}`);
      const channel = new Channel(executionId, this.bus, this.journal, limits, onError, this.stats);
      entry = { channel, ready: channel.open(), users: 0 };
      this.channels.set(executionId, entry);
    }
    entry.users += 1;
    return entry;
  }

  private leave(executionId: string): void {
    const entry = this.channels.get(executionId);
    if (!entry) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.channel.close();
    this.channels.delete(executionId);
  }

  private tick(): void {
    const now = Date.now();
    const { HEARTBEAT_MS, STREAM_STALL_MS, JOURNAL_POLL_MS } = this.settings;
    for (const subscriber of this.subscribers) subscriber.tick(now, HEARTBEAT_MS, STREAM_STALL_MS, PING);
    if (now - this.lastPoll < JOURNAL_POLL_MS) return;
    this.lastPoll = now;
    // A notification may have been lost with the process that was to send it.
    for (const { channel } of this.channels.values())
      if (now - channel.active >= JOURNAL_POLL_MS) channel.check();
  }

  private checkAll(): void {
    for (const { channel } of this.channels.values()) channel.check();
  }
}
