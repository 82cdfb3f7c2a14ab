import { Inject, Injectable, Logger, type MessageEvent, type OnModuleDestroy } from '@nestjs/common';
import type { ConnectionEstablished, EventType } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import { StatusChanges } from '../journal/status-changes.js';
import { codingFor } from './accept-encoding.js';
import type { Channel } from './channel.js';
import { ChannelPool } from './channel-pool.js';
import type { Chunk } from './chunk.js';
import { Compressor } from './compressor.js';
import { GzipBody, type Pieces } from './gzip-body.js';
import type { Vector } from './lane.js';
import { ManySubscriber } from './many-subscriber.js';
import { Muster } from './muster.js';
import type { Outlet, StreamRules } from './outlet.js';
import { Roster } from './roster.js';
import { SendQueues } from './send-queues.js';
import { encodeEstablished } from './sse-frame.js';
import { type Opening, SseSession } from './sse-session.js';
import { StreamStats } from './stream-stats.js';
import { Subscriber } from './subscriber.js';
import { TypeFilter } from './type-filter.js';

interface AnyStreamRequest {
  types?: readonly EventType[] | undefined;
  /** Where the frames go. */
  response: ServerResponse;
  /** Who watches, for `endOf`. */
  principalId: string;
  /** When the right to watch ends, ms since the epoch. */
  expiresAt: number | null;
  /**
   * Called when Nest subscribes, which it never does for a client that left before. What it throws is answered as a
   * problem; what it returns is called once the stream is over.
   */
  enter: () => () => void;
}

export interface StreamRequest extends AnyStreamRequest {
  executionId: string;
  /** Events after this sequence are sent. */
  after: number;
  /** What the first frame says; lastSequence is filled in. */
  established: Omit<ConnectionEstablished, 'lastSequence' | 'timestamp'>;
}

export interface ManyStreamRequest extends AnyStreamRequest {
  /** Where the stream begins; a Roster's grows by itself, and its stream does not end. */
  vector: Vector;
  /** How many executions have joined. */
  executions: number;
}

/** Ages differ by a tenth, so that a fleet does not come back at once. */
const AGE_SPREAD = 0.1;

/** All open streams of this process. */
@Injectable()
export class StreamHub implements OnModuleDestroy {
  private readonly logger = new Logger(StreamHub.name);
  private readonly outlets = new Map<Outlet, { principalId: string; executionId?: string }>();
  private readonly rules: StreamRules;
  private readonly compressor: Compressor | undefined;
  private isClosing = false;

  constructor(
    private readonly pool: ChannelPool,
    @Inject(Settings) private readonly settings: Settings,
    private readonly stats: StreamStats,
    private readonly changes: StatusChanges,
  ) {
    this.rules = {
      heartbeatMs: settings.HEARTBEAT_MS,
      stallMs: settings.STREAM_STALL_MS,
      retryMs: settings.STREAM_RETRY_MS,
      partBytes: settings.STREAM_PAGE_BYTES,
      pages: pool.pages,
      queues: new SendQueues(),
      stats,
    };
    if (settings.STREAM_COMPRESSION === 'gzip') {
      this.compressor = new Compressor(
        {
          minBytes: settings.STREAM_COMPRESSION_MIN_BYTES,
          turnBytes: settings.STREAM_COMPRESSION_TURN_BYTES,
          cacheBytes: settings.STREAM_COMPRESSION_CACHE_BYTES,
        },
        stats,
      );
    }
  }

  /** Tells every stream when to come back and ends it. One that was being opened is ended as soon as it is open. */
  onModuleDestroy(): void {
    this.isClosing = true;
    for (const outlet of this.outlets.keys()) outlet.farewell();
  }

  /** Streams open on an execution here. */
  getClientCount(executionId: string): number {
    return this.pool.get(executionId)?.watchers.size ?? 0;
  }

  /** Whether anybody here watches an execution. */
  hasExecution(executionId: string): boolean {
    return this.pool.get(executionId) !== undefined;
  }

  /** Streams open here, and those of them whose socket takes nothing at the moment. */
  count(): { open: number; blocked: number } {
    let blocked = 0;
    for (const outlet of this.outlets.keys()) if (outlet.isBlocked) blocked += 1;
    return { open: this.outlets.size, blocked };
  }

  /** How many streams each watched execution has. */
  *channelSizes(): Iterable<number> {
    for (const channel of this.pool.all()) yield channel.watchers.size;
  }

  /**
   * Ends all streams of an execution here; they are told when to come back.
   * @returns how many
   */
  unsubscribe(executionId: string): number {
    return this.end((of) => of.executionId === executionId);
  }

  /** Ends all streams of a principal: its credential is good no longer. */
  endOf(principalId: string): number {
    return this.end((of) => of.principalId === principalId);
  }

  /**
   * A stream, for an `@Sse()` method to return. The frames do not pass through Nest's writer, which would format
   * them once a stream; they are written to `request.response` as shared buffers.
   */
  subscribe(request: StreamRequest): Observable<MessageEvent> {
    const session = new SseSession(request.response);
    return session.observe(() => this.openOwn(request, session));
  }

  /** A stream of many executions, for an `@Sse()` method to return, in the way of `subscribe`. */
  watch(request: ManyStreamRequest): Observable<MessageEvent> {
    const session = new SseSession(request.response);
    return session.observe(() => this.openMany(request, session));
  }

  // What these two return lives as long as the stream, and with it everything that its functions name.

  private openOwn(
    { executionId, response, after, types, principalId, expiresAt, established, enter }: StreamRequest,
    session: SseSession,
  ): Opening {
    const leave = enter();
    const { channel, ready } = this.pool.join(executionId, 'own');
    const subscriber = new Subscriber(
      channel,
      response,
      TypeFilter.of(types),
      after,
      this.endOfLife(expiresAt),
      this.rules,
      (error) => this.finish(session, `execution ${executionId}`, error),
    );
    this.negotiate(subscriber, response, 'shared');
    this.open(subscriber, { principalId, executionId });
    return {
      ready,
      start: () => {
        subscriber.start(this.greeting(established, channel));
        if (this.isClosing) subscriber.farewell();
      },
      close: () => {
        this.close(subscriber);
        this.pool.leave(executionId, 'own');
        leave();
      },
    };
  }

  private openMany(
    { vector, response, types, principalId, expiresAt, executions, enter }: ManyStreamRequest,
    session: SseSession,
  ): Opening {
    const leave = enter();
    const finish = (error?: Error) => this.finish(session, 'many executions', error);
    const muster =
      vector instanceof Roster && new Muster(vector, this.changes, (lane) => subscriber.join(lane), finish);
    const subscriber = new ManySubscriber(
      vector,
      this.pool,
      response,
      TypeFilter.of(types),
      this.endOfLife(expiresAt),
      this.rules,
      !muster,
      () => muster && muster.onRoom(),
      finish,
    );
    // Their frames have ids of their own.
    this.negotiate(subscriber, response, 'own');
    this.open(subscriber, { principalId });
    return {
      ready: Promise.resolve(),
      start: () => {
        const message = 'You will see every event of these executions, of each in order.';
        const established = {
          timestamp: new Date().toISOString(),
          message,
          executions,
          cursor: vector.cursor().toString(),
        };
        subscriber.start(encodeEstablished(established, this.settings.STREAM_RETRY_MS));
        if (this.isClosing) subscriber.farewell();
        else if (muster) muster.begin();
      },
      close: () => {
        if (muster) muster.end();
        this.close(subscriber);
        leave();
      },
    };
  }

  /** On the monotonic clock: a stream must not live on because the wall clock is set back. */
  private endOfLife(expiresAt: number | null): number {
    const { STREAM_MAX_AGE_MS: age } = this.settings;
    const old = age === 0 ? Infinity : age * (1 + AGE_SPREAD * (2 * Math.random() - 1));
    const left = expiresAt === null ? Infinity : expiresAt - Date.now();
    return performance.now() + Math.min(left, old);
  }

  private open(outlet: Outlet, of: { principalId: string; executionId?: string }): void {
    this.outlets.set(outlet, of);
    this.stats.opened += 1;
    this.pool.wheel.add(outlet, 0);
  }

  private negotiate(outlet: Outlet, response: ServerResponse, pieces: Pieces): void {
    if (!this.compressor) return;
    response.appendHeader('Vary', 'Accept-Encoding');
    if (codingFor(response.req.headers['accept-encoding']) === 'gzip')
      outlet.compress(GzipBody.of(response, this.compressor, pieces));
  }

  private greeting(established: StreamRequest['established'], { position }: Channel): Chunk {
    const timestamp = new Date().toISOString();
    return encodeEstablished(
      { ...established, timestamp, lastSequence: position },
      this.settings.STREAM_RETRY_MS,
    );
  }

  private finish(session: SseSession, of: string, error?: Error): void {
    if (error) this.logger.error(`a stream of ${of} broke: ${error.message}`);
    session.end();
  }

  private close(outlet: Outlet): void {
    outlet.close();
    this.outlets.delete(outlet);
    if (outlet.gone) this.pool.wheel.remove(outlet);
  }

  private end(which: (of: { principalId: string; executionId?: string }) => boolean): number {
    const ending = [...this.outlets].filter(([, of]) => which(of));
    for (const [outlet] of ending) outlet.farewell();
    return ending.length;
  }
}
