import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import type { ChannelPool } from '../channel/channel-pool.js';
import type { SseConnection, StreamSource } from '../connection/sse-connection.js';
import type { FrameBatch } from '../frames/frame-batch.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import { framesOf } from '../frames/sse-frame.js';
import type { TypeFilter } from '../frames/type-filter.js';
import { ChannelListener, type ListenerOwner } from './channel-listener.js';
import { FrameBuffer, sharedPartOf } from './frame-rewriter.js';
import type { ExecutionPosition, StreamPosition } from './stream-position.js';

/** One for all streams: each fills it and writes it without a pause in between. */
const buffer = new FrameBuffer();
const LEASE = { keepsManyEvents: false };
const SHARED = { isShared: true };

export interface MultiSubscriptionOptions {
  position: StreamPosition;
  pool: ChannelPool;
  filter: TypeFilter;
  /** Called when all events of an execution were sent, after it was removed from `position`. */
  onExecutionEnd: () => void;
}

/**
 * The position of one stream in many executions. New events are joined and written once per iteration of the event loop.
 * Executions are served round-robin, so that one with many events does not delay the others. When the socket is full the stream stops
 * at its position and needs no queue.
 */
export class MultiSubscription implements StreamSource, ListenerOwner {
  private readonly listeners = new Map<ExecutionPosition, ChannelListener>();
  /** Listeners with events to send, the next one first. */
  private readonly backlog = new Set<ChannelListener>();
  private hasStarted = false;
  private isSending = false;
  /** Bytes written in this round. */
  private written = 0;
  private readonly position: StreamPosition;
  private readonly filter: TypeFilter;

  constructor(
    private readonly connection: SseConnection,
    private readonly options: MultiSubscriptionOptions,
  ) {
    this.position = options.position;
    this.filter = options.filter;
    connection.attach(this);
  }

  /** Writes `greeting`, and delivers events from now on. */
  start(greeting: HttpChunk): void {
    if (this.connection.hasEnded) return;
    this.hasStarted = true;
    this.connection.start(greeting);
    for (const execution of this.position.positions) this.join(execution);
  }

  /** Adds an execution that was added to the position. */
  join(execution: ExecutionPosition): void {
    if (this.connection.hasEnded || !this.hasStarted || this.listeners.has(execution)) return;
    const lease = this.options.pool.join(execution.executionId, LEASE);
    const listener = new ChannelListener(execution, lease, this.filter, this);
    this.listeners.set(execution, listener);
    lease.ready.then(
      () => {
        if (this.listeners.get(execution) !== listener) return;
        listener.channel.watchers.add(listener);
        if (listener.channel.isDeleted) this.onDeleted(listener);
        else this.onAdvance(listener);
      },
      (error: Error) => this.connection.finish(error),
    );
  }

  onAdvance(listener: ChannelListener): void {
    this.backlog.add(listener);
    this.startSending();
  }

  endWithRetry(): void {
    this.connection.endWithRetry();
  }

  /** Takes a deleted execution off the stream. The others continue. */
  onDeleted(listener: ChannelListener): void {
    if (this.listeners.get(listener.execution) !== listener) return;
    this.remove(listener);
    this.position.markDeleted(listener.execution);
    this.options.onExecutionEnd();
    this.endIfComplete();
  }

  pause(): void {
    // `send` checks the socket after each write.
  }

  resume(): void {
    this.startSending();
  }

  onClose(): void {
    for (const listener of this.listeners.values()) listener.close();
    this.listeners.clear();
    this.backlog.clear();
  }

  private startSending(): void {
    if (this.isSending) return;
    this.isSending = true;
    this.send().catch((error: Error) => this.connection.finish(error));
  }

  private async send(): Promise<void> {
    const { connection, backlog } = this;
    try {
      // Lets all channels that flush in this iteration of the event loop add their listeners first.
      await Promise.resolve();
      while (!connection.hasEnded && !connection.isBlocked && backlog.size > 0) {
        this.written = 0;
        const absent = this.collect();
        this.writeBuffer();
        if (this.endIfComplete()) return;
        if (absent && !connection.isBlocked) await this.read(absent);
        // A stream with much to write lets others write in between.
        else if (this.written >= connection.rules.batchBytes) await yieldToEventLoop();
      }
    } finally {
      this.isSending = false;
    }
  }

  private writeBuffer(): void {
    if (buffer.length === 0) return;
    this.written += buffer.length;
    this.connection.write(buffer.chunk(), performance.now());
    buffer.clear();
  }

  /**
   * Fills the buffer with events that are in memory, from each listener in the backlog once.
   * @returns the first listener whose next events are not in memory. Others wait until it has been read, so that a stream
   * reads one page of the journal at a time.
   */
  private collect(): ChannelListener | undefined {
    buffer.clear();
    let absent: ChannelListener | undefined;
    // A copy, because a listener that is added to the end again is served in the next round.
    for (const listener of Array.from(this.backlog)) {
      // A long frame was written by itself, which ends the round.
      if (buffer.length >= this.connection.rules.batchBytes || this.written > 0) break;
      this.backlog.delete(listener);
      if (!listener.hasBacklog) {
        if (listener.hasEnded) this.leave(listener);
        continue;
      }
      const batch = listener.channel.recent(listener.execution.position, this.filter);
      if (batch) this.append(listener.execution, batch);
      else absent ??= listener;
      // One that has ended comes back once more, to be removed.
      if (!batch || listener.hasBacklog || listener.hasEnded) this.backlog.add(listener);
    }
    return absent;
  }

  /** Writes events that are not in memory. */
  private async read(listener: ChannelListener): Promise<void> {
    const { execution, channel } = listener;
    const batch = await channel.next(execution.position, this.filter);
    const { connection } = this;
    if (connection.hasEnded || connection.isBlocked || this.listeners.get(execution) !== listener) return;
    buffer.clear();
    this.append(execution, batch);
    this.writeBuffer();
  }

  /** Adds the frames of a batch to the buffer until it holds enough for one write. The others follow in the next round. */
  private append(execution: ExecutionPosition, { chunk, to }: FrameBatch): void {
    const { batchBytes, stats } = this.connection.rules;
    if (chunk) {
      const { body } = chunk;
      for (const frame of framesOf(body)) {
        if (frame.sequence <= execution.position) continue;
        if (buffer.length >= batchBytes) return;
        this.position.advance(execution, frame.sequence);
        stats.delivered += 1;
        const cursor = this.position.cursor().letters;
        const part = sharedPartOf(chunk, frame);
        if (part) {
          this.writeBuffer();
          this.written += part.bytes;
          this.connection.write(part, performance.now(), SHARED);
          buffer.addTail(cursor);
          this.writeBuffer();
          return;
        }
        buffer.add(body, frame, cursor);
      }
    }
    if (to > execution.position) this.position.advance(execution, to);
  }

  private leave(listener: ChannelListener): void {
    this.remove(listener);
    this.position.markEnded(listener.execution);
    this.options.onExecutionEnd();
  }

  private remove(listener: ChannelListener): void {
    this.listeners.delete(listener.execution);
    this.backlog.delete(listener);
    listener.close();
  }

  /** Ends the stream if all events were sent. Must also be called when `position` has become complete. */
  endIfComplete(): boolean {
    if (!this.hasStarted || !this.position.isComplete) return false;
    if (this.listeners.size > 0 || this.connection.hasEnded) return false;
    this.connection.finish();
    return true;
  }
}
