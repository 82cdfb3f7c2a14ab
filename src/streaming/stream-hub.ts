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
import { Observable, type Subscriber as Observer } from 'rxjs';
import { Settings } from '../config/settings.js';
import { EventBus } from '../events/event-bus.js';
import { JournalReader } from '../journal/journal-reader.js';
import { JournalRelay } from '../journal/journal-relay.js';
import { Channel, type ChannelLimits } from './channel.js';
import type { Chunk } from './chunk.js';
import { PageCache } from './page-cache.js';
import { SendQueues } from './send-queues.js';
import { encodeEstablished } from './sse-frame.js';
import { StreamStats } from './stream-stats.js';
import { type StreamRules, Subscriber } from './subscriber.js';
import { TimerWheel } from './timer-wheel.js';
import { Turn } from './turn.js';
import { TypeFilter } from './type-filter.js';

export interface StreamRequest {
  executionId: string;
  /** Events after this sequence are sent. */
  after: number;
  types?: readonly EventType[] | undefined;
  /** Where the frames go. */
  response: ServerResponse;
  /** Who watches, for `endOf`. */
  principalId: string;
  /** When the right to watch ends, ms since the epoch. */
  expiresAt: number | null;
  /** What the first frame says; lastSequence is filled in. */
  established: Omit<ConnectionEstablished, 'lastSequence' | 'timestamp'>;
  /**
   * Called when Nest subscribes, which it never does for a client that left before. What it throws is answered as a
   * problem; what it returns is called once the stream is over.
   */
  enter(): () => void;
}

/** Ages differ by a tenth, so that a fleet does not come back at once. */
const AGE_SPREAD = 0.1;
const TICKS_PER_INTERVAL = 20;

interface Entry {
  channel: Channel;
  ready: Promise<void>;
  users: number;
}

/** All open streams of this process: one channel an execution that is watched, one flush a turn, one timer. */
@Injectable()
export class StreamHub implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(StreamHub.name);
  private readonly channels = new Map<string, Entry>();
  private readonly subscribers = new Map<Subscriber, string>();
  private readonly turn = new Turn();
  private readonly wheel: TimerWheel;
  private readonly pages: PageCache;
  private readonly rules: StreamRules;
  private readonly limits: ChannelLimits;

  constructor(
    private readonly bus: EventBus,
    private readonly journal: JournalReader,
    private readonly relay: JournalRelay,
    @Inject(Settings) private readonly settings: Settings,
    private readonly stats: StreamStats,
  ) {
    const { HEARTBEAT_MS, STREAM_STALL_MS, JOURNAL_POLL_MS } = settings;
    const shortest = Math.min(HEARTBEAT_MS, STREAM_STALL_MS, JOURNAL_POLL_MS);
    this.wheel = new TimerWheel(Math.min(50, Math.max(5, Math.round(shortest / TICKS_PER_INTERVAL))));
    this.pages = new PageCache(
      journal,
      {
        pageBytes: settings.CATCH_UP_PAGE_BYTES,
        partBytes: settings.STREAM_PAGE_BYTES,
        cacheBytes: settings.CATCH_UP_CACHE_BYTES,
        reads: settings.CATCH_UP_READS,
      },
      stats,
    );
    this.rules = {
      heartbeatMs: HEARTBEAT_MS,
      stallMs: STREAM_STALL_MS,
      retryMs: settings.STREAM_RETRY_MS,
      partBytes: settings.STREAM_PAGE_BYTES,
      pages: this.pages,
      queues: new SendQueues(),
      stats,
    };
    this.limits = {
      ringBytes: settings.CHANNEL_RING_BYTES,
      pageBytes: settings.CATCH_UP_PAGE_BYTES,
      partBytes: settings.STREAM_PAGE_BYTES,
      pollMs: JOURNAL_POLL_MS,
    };
  }

  onModuleInit(): void {
    this.relay.hints.subscribe(({ executionId, sequence }) =>
      this.channels.get(executionId)?.channel.check(sequence),
    );
    this.relay.missed.subscribe(() => {
      for (const { channel } of this.channels.values()) channel.check();
    });
  }

  /** Tells every stream when to come back and ends it. */
  onModuleDestroy(): void {
    for (const subscriber of this.subscribers.keys()) subscriber.farewell();
    this.wheel.stop();
  }

  /** Streams open on an execution here. */
  getClientCount(executionId: string): number {
    return this.channels.get(executionId)?.channel.watchers.size ?? 0;
  }

  /** Whether anybody here watches an execution. */
  hasExecution(executionId: string): boolean {
    return this.channels.has(executionId);
  }

  /** Streams open here, and those of them whose socket takes nothing at the moment. */
  count(): { open: number; blocked: number } {
    let blocked = 0;
    for (const subscriber of this.subscribers.keys()) if (subscriber.isBlocked) blocked += 1;
    return { open: this.subscribers.size, blocked };
  }

  /** How many streams each watched execution has. */
  *channelSizes(): Iterable<number> {
    for (const { channel } of this.channels.values()) yield channel.watchers.size;
  }

  /**
   * Ends all streams of an execution here; they are told when to come back.
   * @returns how many
   */
  unsubscribe(executionId: string): number {
    return this.end(([{ executionId: watched }]) => watched === executionId);
  }

  /** Ends all streams of a principal: its credential is good no longer. */
  endOf(principalId: string): number {
    return this.end(([, watcher]) => watcher === principalId);
  }

  /**
   * A stream, for an `@Sse()` method to return. Nest keeps its life cycle: headers, abort, end. The frames
   * do not pass through Nest's writer, which would format them once a stream; they are written to
   * `request.response` as shared buffers. What the Observable itself emits is one comment, which makes
   * Nest send the headers at once.
   */
  subscribe(request: StreamRequest): Observable<MessageEvent> {
    return new Observable<MessageEvent>((observer) => {
      const leave = request.enter();
      const { channel, ready } = this.join(request.executionId);
      const subscriber = this.open(request, channel, observer);
      observer.next({ comment: '' } as unknown as MessageEvent);
      ready.then(
        () => subscriber.start(this.greeting(request, channel)),
        (error: Error) => this.finish(observer, channel.executionId, error),
      );
      return () => {
        this.close(subscriber);
        this.leave(channel.executionId);
        leave();
      };
    });
  }

  private open(
    { response, after, types, principalId, expiresAt }: StreamRequest,
    channel: Channel,
    observer: Observer<MessageEvent>,
  ): Subscriber {
    const { STREAM_MAX_AGE_MS: age } = this.settings;
    const old = age === 0 ? Infinity : Date.now() + age * (1 + AGE_SPREAD * (2 * Math.random() - 1));
    const subscriber = new Subscriber(
      channel,
      response,
      TypeFilter.of(types),
      after,
      Math.min(expiresAt ?? Infinity, old),
      this.rules,
      (error) => this.finish(observer, channel.executionId, error),
    );
    this.subscribers.set(subscriber, principalId);
    this.stats.opened += 1;
    this.wheel.add(subscriber, 0);
    return subscriber;
  }

  private greeting({ established }: StreamRequest, { position }: Channel): Chunk {
    const timestamp = new Date().toISOString();
    return encodeEstablished(
      { ...established, timestamp, lastSequence: position },
      this.settings.STREAM_RETRY_MS,
    );
  }

  /** Never an error into the Observable: Nest would send `event: error`. The client comes back by itself. */
  private finish(observer: Observer<MessageEvent>, executionId: string, error?: Error): void {
    if (error) this.logger.error(`a stream of execution ${executionId} broke: ${error.message}`);
    observer.complete();
  }

  private close(subscriber: Subscriber): void {
    subscriber.close();
    this.subscribers.delete(subscriber);
    if (subscriber.gone) this.wheel.remove(subscriber);
  }

  private end(which: (entry: [Subscriber, string]) => boolean): number {
    const ending = [...this.subscribers].filter(which);
    for (const [subscriber] of ending) subscriber.farewell();
    return ending.length;
  }

  private join(executionId: string): Entry {
    let entry = this.channels.get(executionId);
    if (!entry) {
      const onError = (error: unknown) =>
        this.logger.warn(`the journal of execution ${executionId} could not be read: ${String(error)}`);
      const channel = new Channel(
        executionId,
        this.bus,
        this.journal,
        this.turn,
        this.limits,
        this.stats,
        onError,
      );
      entry = { channel, ready: channel.open(), users: 0 };
      this.channels.set(executionId, entry);
      this.wheel.add(channel, this.settings.JOURNAL_POLL_MS);
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
    this.wheel.remove(entry.channel);
    this.pages.forget(executionId);
    this.channels.delete(executionId);
  }
}
