import { Inject, Injectable, Logger, type MessageEvent, type OnModuleDestroy } from '@nestjs/common';
import type { ConnectionEstablished, EventType } from '@cloutagent/contract';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import { StatusChanges } from '../journal/status-changes.js';
import { codingFor } from './gzip/accept-encoding.js';
import type { Channel } from './channel/channel.js';
import { ChannelPool } from './channel/channel-pool.js';
import type { HttpChunk } from './frames/http-chunk.js';
import { Compressor } from './gzip/compressor.js';
import { GzipBody, type Sharing } from './gzip/gzip-body.js';
import type { StreamPosition } from './multi/stream-position.js';
import { MultiSubscription } from './multi/multi-subscription.js';
import { FilterMembershipUpdater } from './multi/membership-updater.js';
import type { SseConnection, StreamRules } from './connection/sse-connection.js';
import { FilterMembership } from './multi/filter-membership.js';
import { TcpSendQueues } from './connection/tcp-send-queues.js';
import { encodeEstablished } from './frames/sse-frame.js';
import { type StreamHandle, SseResponse } from './connection/sse-response.js';
import { StreamStats } from './stream-stats.js';
import { ExecutionSubscription } from './single/execution-subscription.js';
import { TypeFilter } from './frames/type-filter.js';

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

export interface MultiStreamRequest extends AnyStreamRequest {
  /** Where the stream begins; a Roster's grows by itself, and its stream does not end. */
  vector: StreamPosition;
  /** How many executions have joined. */
  executions: number;
}

/** Ages differ by a tenth, so that a fleet does not come back at once. */
const AGE_SPREAD = 0.1;

/** All open streams of this process. */
@Injectable()
export class StreamHub implements OnModuleDestroy {
  private readonly logger = new Logger(StreamHub.name);
  private readonly connections = new Map<SseConnection, { principalId: string; executionId?: string }>();
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
      heartbeatMs: settings.HEARTBEAT_INTERVAL_MS,
      stallMs: settings.STREAM_STALL_TIMEOUT_MS,
      retryMs: settings.STREAM_RETRY_MS,
      batchBytes: settings.STREAM_WRITE_MAX_BYTES,
      pages: pool.pages,
      queues: new TcpSendQueues(),
      stats,
    };
    if (settings.STREAM_COMPRESSION === 'gzip') {
      this.compressor = new Compressor(
        {
          minBytes: settings.STREAM_COMPRESSION_MIN_BYTES,
          turnBytes: settings.STREAM_COMPRESSION_TURN_MAX_BYTES,
          cacheBytes: settings.STREAM_COMPRESSION_CACHE_MAX_BYTES,
        },
        stats,
      );
    }
  }

  /** Tells every stream when to come back and ends it. One that was being opened is ended as soon as it is open. */
  onModuleDestroy(): void {
    this.isClosing = true;
    for (const outlet of this.connections.keys()) outlet.endWithRetry();
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
    for (const outlet of this.connections.keys()) if (outlet.isBlocked) blocked += 1;
    return { open: this.connections.size, blocked };
  }

  /** How many streams each watched execution has. */
  *channelSizes(): Iterable<number> {
    for (const channel of this.pool.all()) yield channel.watchers.size;
  }

  /** Ends all streams of a principal: its credential is good no longer. */
  closeByPrincipal(principalId: string): number {
    return this.end((of) => of.principalId === principalId);
  }

  /**
   * A stream, for an `@Sse()` method to return. The frames do not pass through Nest's writer, which would format
   * them once a stream; they are written to `request.response` as shared buffers.
   */
  subscribe(request: StreamRequest): Observable<MessageEvent> {
    const session = new SseResponse(request.response);
    return session.observe(() => this.openSingle(request, session));
  }

  /** A stream of many executions, for an `@Sse()` method to return, in the way of `subscribe`. */
  watch(request: MultiStreamRequest): Observable<MessageEvent> {
    const session = new SseResponse(request.response);
    return session.observe(() => this.openMulti(request, session));
  }

  // What these two return lives as long as the stream, and with it everything that its functions name.

  private openSingle(
    { executionId, response, after, types, principalId, expiresAt, established, enter }: StreamRequest,
    session: SseResponse,
  ): StreamHandle {
    const leave = enter();
    const { channel, ready } = this.pool.join(executionId, 'own');
    const subscriber = new ExecutionSubscription(
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
        if (this.isClosing) subscriber.endWithRetry();
      },
      close: () => {
        this.close(subscriber);
        this.pool.leave(executionId, 'own');
        leave();
      },
    };
  }

  private openMulti(
    { vector, response, types, principalId, expiresAt, executions, enter }: MultiStreamRequest,
    session: SseResponse,
  ): StreamHandle {
    const leave = enter();
    const finish = (error?: Error) => this.finish(session, 'many executions', error);
    const muster =
      vector instanceof FilterMembership &&
      new FilterMembershipUpdater(vector, this.changes, (lane) => subscriber.join(lane), finish);
    const subscriber = new MultiSubscription(
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
        if (this.isClosing) subscriber.endWithRetry();
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

  private open(outlet: SseConnection, of: { principalId: string; executionId?: string }): void {
    this.connections.set(outlet, of);
    this.stats.opened += 1;
    this.pool.wheel.add(outlet, 0);
  }

  private negotiate(outlet: SseConnection, response: ServerResponse, pieces: Sharing): void {
    if (!this.compressor) return;
    response.appendHeader('Vary', 'Accept-Encoding');
    if (codingFor(response.req.headers['accept-encoding']) === 'gzip')
      outlet.compress(GzipBody.of(response, this.compressor, pieces));
  }

  private greeting(established: StreamRequest['established'], { position }: Channel): HttpChunk {
    const timestamp = new Date().toISOString();
    return encodeEstablished(
      { ...established, timestamp, lastSequence: position },
      this.settings.STREAM_RETRY_MS,
    );
  }

  private finish(session: SseResponse, of: string, error?: Error): void {
    if (error) this.logger.error(`a stream of ${of} broke: ${error.message}`);
    session.end();
  }

  private close(outlet: SseConnection): void {
    outlet.close();
    this.connections.delete(outlet);
    if (outlet.isClosed) this.pool.wheel.remove(outlet);
  }

  private end(which: (of: { principalId: string; executionId?: string }) => boolean): number {
    const ending = [...this.connections].filter(([, of]) => which(of));
    for (const [outlet] of ending) outlet.endWithRetry();
    return ending.length;
  }
}
