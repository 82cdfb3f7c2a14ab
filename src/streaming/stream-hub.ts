import { Inject, Injectable, type MessageEvent, type OnModuleDestroy } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Observable } from 'rxjs';
import { Settings } from '../config/settings.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { DeletionNotices } from '../journal/deletion-notices.js';
import { JournalReader } from '../journal/journal-reader.js';
import { StatusChanges } from '../journal/status-changes.js';
import { Logger } from '../logging/logger.js';
import type { Channel } from './channel/channel.js';
import { ChannelPool } from './channel/channel-pool.js';
import { type ConnectionOptions, SseConnection, type StreamRules } from './connection/sse-connection.js';
import { type StreamHandle, SseResponse } from './connection/sse-response.js';
import { TcpSendQueues } from './connection/tcp-send-queues.js';
import type { ChunkEncoder } from './frames/chunk-encoder.js';
import { HttpChunk } from './frames/http-chunk.js';
import { encodeBareStart, encodeEstablished, encodeFormatStart } from './frames/sse-frame.js';
import { TypeFilter } from './frames/type-filter.js';
import { FormatEncoder, framesText, framesWithoutId } from './formats/format-encoder.js';
import { requireChunkedBody } from './formats/require-chunked-body.js';
import { codingFor } from './gzip/accept-encoding.js';
import { Compressor } from './gzip/compressor.js';
import { GzipBody } from './gzip/gzip-body.js';
import { FilterMembership } from './multi/filter-membership.js';
import { FilterMembershipUpdater } from './multi/membership-updater.js';
import { MultiSubscription } from './multi/multi-subscription.js';
import { ExecutionFollower } from './single/execution-follower.js';
import { ExecutionSubscription } from './single/execution-subscription.js';
import type {
  CommonStreamRequest,
  FormattedStream,
  MultiStreamRequest,
  StreamRequest,
} from './stream-request.js';
import { StreamStats } from './stream-stats.js';

/** Ages of streams differ by up to this fraction, so that many clients do not reconnect at once. */
const AGE_SPREAD = 0.1;
const LEASE = { keepsManyEvents: true };
const FOLLOWED_PAGE = { limit: 1_000, bytes: 1_048_576 };

/** All open streams of this process. */
@Injectable()
export class StreamHub implements OnModuleDestroy {
  private readonly logger = new Logger(StreamHub.name);
  /** Open streams and their principals. */
  private readonly connections = new Map<SseConnection, string>();
  private readonly rules: StreamRules;
  private readonly compressor: Compressor | undefined;
  private readonly followers = new Set<ExecutionFollower>();
  private isClosing = false;

  constructor(
    private readonly pool: ChannelPool,
    private readonly journal: JournalReader,
    @Inject(Settings) private readonly settings: Settings,
    private readonly stats: StreamStats,
    private readonly changes: StatusChanges,
    private readonly deletions: DeletionNotices,
  ) {
    this.rules = {
      heartbeatMs: settings.HEARTBEAT_INTERVAL_MS,
      stallMs: settings.STREAM_STALL_TIMEOUT_MS,
      retryMs: settings.STREAM_RETRY_MS,
      batchBytes: settings.STREAM_WRITE_MAX_BYTES,
      queues: new TcpSendQueues(),
      stats,
    };
    if (settings.STREAM_COMPRESSION === 'gzip') {
      this.compressor = new Compressor(
        {
          minBytes: settings.STREAM_COMPRESSION_MIN_BYTES,
          bytesPerIteration: settings.STREAM_COMPRESSION_TURN_MAX_BYTES,
          cacheBytes: settings.STREAM_COMPRESSION_CACHE_MAX_BYTES,
        },
        stats,
      );
    }
  }

  /** Ends every stream with a hint to reconnect. A stream that is being opened is ended as soon as it is open. */
  onModuleDestroy(): void {
    this.isClosing = true;
    for (const connection of this.connections.keys()) connection.endWithRetry();
    for (const follower of this.followers) follower.endWithRetry();
  }

  /** Returns the number of streams that watch an execution here. */
  getClientCount(executionId: string): number {
    return this.pool.of(executionId).reduce((sum, { watchers }) => sum + watchers.size, 0);
  }

  /** Returns whether an execution is watched here. */
  hasExecution(executionId: string): boolean {
    return this.pool.of(executionId).length > 0;
  }

  /** Returns the number of open streams, and of those whose socket is full at the moment. */
  count(): { open: number; blocked: number } {
    let blocked = 0;
    for (const connection of this.connections.keys()) if (connection.isBlocked) blocked += 1;
    return { open: this.connections.size, blocked };
  }

  /** Returns the number of streams of each watched execution. */
  *channelSizes(): Iterable<number> {
    for (const channel of this.pool.all()) yield channel.watchers.size;
  }

  /**
   * Ends all streams of a principal with a hint to reconnect, because its credential is not valid any more.
   * @returns the number of streams
   */
  closeByPrincipal(principalId: string): number {
    // A copy, because ending a stream removes it.
    const ending = [...this.connections].filter(([, owner]) => owner === principalId);
    for (const [connection] of ending) connection.endWithRetry();
    return ending.length;
  }

  /**
   * Returns a stream of one execution, as the result of an `@Sse()` method. Its frames are shared buffers that are written
   * to `request.response`. They do not pass through Nest's writer, which would format each event for each stream.
   */
  subscribe(request: StreamRequest): Observable<MessageEvent> {
    const response = new SseResponse(request.response);
    return response.observe(() => this.openSingle(request, response));
  }

  /**
   * Opens a stream of one execution as the response of a handler that writes its response itself (`@Res()`).
   * @returns false for a client that has left; `request.enter` is not called then
   */
  open(request: StreamRequest): boolean {
    request.response.statusCode = 200;
    const response = new SseResponse(request.response);
    return response.begin(() => this.openSingle(request, response));
  }

  /** Returns a stream of many executions, like `subscribe`. */
  watch(request: MultiStreamRequest): Observable<MessageEvent> {
    const response = new SseResponse(request.response);
    return response.observe(() => this.openMulti(request, response));
  }

  /**
   * Yields the events of an execution, from the first one, and then each new one until the terminal event. It returns earlier
   * when `signal` aborts, the server stops, or the execution is deleted. Unlike a stream, it is for code of this server.
   */
  async *follow(executionId: string, signal: AbortSignal): AsyncGenerator<RecordedEvent> {
    using lease = this.pool.join(executionId, { keepsManyEvents: false });
    await lease.ready;
    const { channel } = lease;
    const follower = new ExecutionFollower();
    const stop = () => follower.endWithRetry();
    signal.addEventListener('abort', stop);
    channel.watchers.add(follower);
    this.followers.add(follower);
    try {
      for (let position = 0; !(channel.end !== undefined && position >= channel.end);) {
        if (signal.aborted || this.isClosing || follower.hasEnded || channel.isDeleted) return;
        if (position >= channel.position) {
          await follower.next();
          continue;
        }
        const events = await this.journal.read(executionId, position, FOLLOWED_PAGE);
        if (events.length === 0) return;
        yield* events;
        position = events.at(-1)!.sequence;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      channel.watchers.delete(follower);
      this.followers.delete(follower);
    }
  }

  /** Returns the result of an `@Sse()` method for a HEAD request: the headers of a stream. */
  head(response: ServerResponse): Observable<MessageEvent> {
    return new SseResponse(response).head();
  }

  // The handles returned here live as long as the stream, and so does every variable that their functions use.

  private openSingle(request: StreamRequest, response: SseResponse): StreamHandle {
    const { executionId, after, types, established, format, enter } = request;
    if (format) return this.openFormatted(request, format, response);
    const admission = enter();
    const lease = this.pool.join(executionId, LEASE, { committed: request.committed?.() });
    const finish = (error?: Error) => this.finish(response, `execution ${executionId}`, error);
    response.encoder = this.negotiate(request.response, { sharesChunks: true });
    const connection = this.connect(request, response.encoder, finish);
    const subscription = new ExecutionSubscription(connection, lease, TypeFilter.of(types), after);
    return {
      ready: lease.ready,
      start: () => {
        const timestamp = new Date().toISOString();
        const { position: lastSequence } = lease.channel;
        const fields = { sequence: after, ...established, timestamp, lastSequence };
        subscription.start(encodeEstablished(fields, this.settings.STREAM_RETRY_MS));
        if (this.isClosing) connection.endWithRetry();
      },
      close: () => {
        this.close(connection);
        admission.release();
      },
    };
  }

  private openFormatted(
    request: StreamRequest,
    format: FormattedStream,
    response: SseResponse,
  ): StreamHandle {
    const { executionId, after, enter } = request;
    requireChunkedBody(format.session.format, request.response.req);
    const { session, skip, endsWhenIdle, onComplete } = format;
    const begin = () => FormatEncoder.begin(session);
    const admission = enter();
    const lease = this.pool.join(executionId, LEASE, { format: { name: session.name, begin } });
    const finish = (error?: Error) => this.finish(response, `execution ${executionId}`, error);
    const headers = session.format.headers?.(session.execution) ?? {};
    for (const [name, value] of Object.entries(headers)) request.response.setHeader(name, value);
    response.encoder = this.negotiate(request.response, { sharesChunks: true });
    const frames = session.format.interrupted?.() ?? [];
    const interruption = frames.length > 0 ? HttpChunk.of(framesWithoutId(frames)) : undefined;
    const { sendsOnlyFrames = false } = session.format;
    const connection = this.connect(request, response.encoder, finish, { interruption, sendsOnlyFrames });
    const hasOpening = session.format.opening !== undefined;
    const position = skip > 0 && !hasOpening ? after + 1 : after;
    const from = typeof endsWhenIdle === 'object' ? Math.max(after, endsWhenIdle.after) : after;
    const idleAfter = endsWhenIdle === false ? undefined : from;
    const subscription = new ExecutionSubscription(
      connection,
      lease,
      TypeFilter.of(),
      position,
      idleAfter,
      onComplete,
    );
    const first = lease.ready.then(() =>
      hasOpening ? openingOf(lease.channel, after) : skip > 0 ? this.restOf(lease.channel, after, skip) : '',
    );
    return {
      ready: first,
      start: (text) => {
        const missed = text as string;
        subscription.start(
          sendsOnlyFrames
            ? encodeBareStart(missed)
            : encodeFormatStart(missed, this.settings.STREAM_RETRY_MS),
        );
        if (this.isClosing) connection.endWithRetry();
      },
      fail: (error) => connection.endWithRetry(error),
      close: () => {
        this.close(connection);
        admission.release();
      },
    };
  }

  /** Returns the frames of event `after + 1` that follow the first `skip` ones. */
  private async restOf(channel: Channel, after: number, skip: number): Promise<string> {
    const encoder = await channel.encoderAfter(after);
    const event = await this.journal.at(channel.executionId, after + 1);
    if (!(encoder instanceof FormatEncoder) || !event) return '';
    return framesText(event.sequence, encoder.frames(event), skip);
  }

  private openMulti(request: MultiStreamRequest, response: SseResponse): StreamHandle {
    const { position, types, executions, enter } = request;
    const admission = enter();
    const finish = (error?: Error) => this.finish(response, 'many executions', error);
    // The frames of each stream have their own ids.
    response.encoder = this.negotiate(request.response, { sharesChunks: false });
    const connection = this.connect(request, response.encoder, finish);
    const subscription = new MultiSubscription(connection, {
      position,
      pool: this.pool,
      filter: TypeFilter.of(types),
      onExecutionEnd: () => updater?.onCapacity(),
    });
    const updater =
      position instanceof FilterMembership
        ? new FilterMembershipUpdater(
            position,
            this.changes,
            {
              onJoin: (execution) => subscription.join(execution),
              onTaken: () => subscription.endIfComplete(),
            },
            finish,
          )
        : undefined;
    // No execution can join a stream over a tree that is deleted. Its root may have left the stream, or not joined it yet.
    const rootId = position instanceof FilterMembership ? position.filter.rootId : undefined;
    const deletion =
      rootId === undefined
        ? undefined
        : this.deletions.deleted.subscribe((id) => id === rootId && connection.endWithRetry());
    return {
      ready: Promise.resolve(),
      start: () => {
        const message = 'You will see every event of these executions, of each in order.';
        const timestamp = new Date().toISOString();
        const cursor = position.cursor().toString();
        const fields = { sequence: 0, timestamp, message, executions, cursor } as const;
        subscription.start(encodeEstablished(fields, this.settings.STREAM_RETRY_MS));
        if (this.isClosing) connection.endWithRetry();
        else updater?.begin();
      },
      close: () => {
        updater?.end();
        deletion?.unsubscribe();
        this.close(connection);
        admission.release();
      },
    };
  }

  private connect(
    { response, principalId, expiresAt }: CommonStreamRequest,
    encoder: ChunkEncoder | undefined,
    finish: (error?: Error) => void,
    formatted: Pick<ConnectionOptions, 'interruption' | 'sendsOnlyFrames'> = {},
  ): SseConnection {
    const until = this.endOfLife(expiresAt);
    const connection = new SseConnection({
      response,
      encoder,
      until,
      ...formatted,
      rules: this.rules,
      finish,
    });
    this.connections.set(connection, principalId);
    this.stats.opened += 1;
    this.pool.wheel.add(connection, 0);
    return connection;
  }

  /** Returns ms of the monotonic clock, because a stream must not live longer when the wall clock is set back. */
  private endOfLife(expiresAt: number | null): number {
    const { STREAM_MAX_AGE_MS: maxAge } = this.settings;
    const age = maxAge === 0 ? Infinity : maxAge * (1 + AGE_SPREAD * (2 * Math.random() - 1));
    const validity = expiresAt === null ? Infinity : expiresAt - Date.now();
    return performance.now() + Math.min(validity, age);
  }

  /** Chooses the content coding and sets its headers. Returns undefined for plain bytes. */
  private negotiate(response: ServerResponse, options: { sharesChunks: boolean }): ChunkEncoder | undefined {
    if (!this.compressor) return undefined;
    response.appendHeader('Vary', 'Accept-Encoding');
    if (codingFor(response.req.headers['accept-encoding']) !== 'gzip') return undefined;
    response.setHeader('Content-Encoding', 'gzip');
    return new GzipBody(response, this.compressor, options);
  }

  private finish(response: SseResponse, subject: string, error?: Error): void {
    if (error) this.logger.error(`a stream of ${subject} broke: ${error.message}`);
    response.end();
  }

  private close(connection: SseConnection): void {
    connection.close();
    this.connections.delete(connection);
    // A connection that is not closed stays in the wheel: the stall limit applies until the socket has taken all bytes.
    if (connection.isClosed) this.pool.wheel.remove(connection);
  }
}

/** Returns the frames with which a stream in a format begins. */
async function openingOf(channel: Channel, after: number): Promise<string> {
  const encoder = await channel.encoderAfter(after);
  return encoder instanceof FormatEncoder ? framesWithoutId(encoder.opening()) : '';
}
