import type { ChannelLease } from '../channel/channel-lease.js';
import type { Channel } from '../channel/channel.js';
import type { Watcher } from '../channel/watcher.js';
import type { SseConnection, StreamSource } from '../connection/sse-connection.js';
import type { FrameBatch } from '../frames/frame-batch.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import type { TypeFilter } from '../frames/type-filter.js';

/**
 * The position of one stream in one execution. While the stream is up to date it writes the channel's shared buffers. When
 * its socket is full it stops at its position and needs no queue. Once the socket drains it catches up from memory or from
 * the journal.
 */
export class ExecutionSubscription implements StreamSource, Watcher {
  /** Whether the channel's flush delivers to this stream. If not, the stream fetches its events itself or is paused. */
  private isUpToDate = false;
  private isCatchingUp = false;
  private readonly channel: Channel;

  /**
   * @param lease released when the stream ends
   * @param position events after it are sent
   * @param idleAfter the stream ends when it has sent an event after this one and the client has to act; undefined if it does
   * not end then
   * @param onComplete called with the last event, when the stream ends because it has sent everything
   */
  constructor(
    private readonly connection: SseConnection,
    private readonly lease: ChannelLease,
    readonly filter: TypeFilter,
    private position: number,
    private readonly idleAfter?: number,
    private readonly onComplete?: (sequence: number) => void,
  ) {
    this.channel = lease.channel;
    connection.attach(this);
  }

  /** Writes `greeting`, and delivers events from now on. */
  start(greeting: HttpChunk): void {
    if (this.connection.hasEnded) return;
    this.channel.watchers.add(this);
    this.connection.start(greeting);
    if (this.channel.isDeleted) this.onDeleted();
    else this.startCatchUp();
  }

  isAt(position: number): boolean {
    return this.isUpToDate && this.position === position;
  }

  deliver(batch: FrameBatch, now: number): boolean {
    this.write(batch, now);
    this.endIfComplete();
    return this.isUpToDate && !this.connection.hasEnded;
  }

  wake(): void {
    if (!this.isUpToDate) return;
    if (this.position < this.channel.position) {
      this.startCatchUp();
    } else {
      // The stream had read further from the journal than the channel was then, perhaps to the end.
      this.endIfComplete();
    }
  }

  endWithRetry(): void {
    this.connection.endWithRetry();
  }

  /** The client reconnects, and learns that there is no such execution. */
  onDeleted(): void {
    this.endWithRetry();
  }

  pause(): void {
    this.isUpToDate = false;
  }

  resume(): void {
    this.startCatchUp();
  }

  onClose(): void {
    this.channel.watchers.delete(this);
    this.lease.release();
  }

  private write({ to, chunk, count }: FrameBatch, now: number): void {
    if (to > this.position) this.position = to;
    if (!chunk) return;
    this.connection.rules.stats.delivered += count;
    this.connection.write(chunk, now);
  }

  private startCatchUp(): void {
    if (this.isCatchingUp) return;
    this.isCatchingUp = true;
    // Until the stream is up to date again the channel's flush must not deliver to it, or events would come twice.
    this.isUpToDate = false;
    this.catchUp().catch((error: Error) => this.connection.endWithRetry(error));
  }

  private async catchUp(): Promise<void> {
    const { channel, connection } = this;
    try {
      while (!connection.hasEnded && !connection.isBlocked) {
        if (this.position >= channel.position) {
          this.isUpToDate = true;
          this.endIfComplete();
          return;
        }
        const next = channel.next(this.position, this.filter);
        // Events in memory are not awaited, because that would cost each write a pass through the microtask queue.
        const batch = next instanceof Promise ? await next : next;
        if (connection.hasEnded) return;
        this.write(batch, performance.now());
      }
    } finally {
      // Synchronously after the last check of the position. A later `wake` or `resume` must be able to start again.
      this.isCatchingUp = false;
    }
  }

  private endIfComplete(): void {
    const { end } = this.channel;
    if (this.connection.hasEnded) return;
    if (end === undefined ? !this.isIdle() : this.position < end) return;
    this.connection.finish();
    this.onComplete?.(this.position);
  }

  private isIdle(): boolean {
    return (
      this.idleAfter !== undefined &&
      this.position > this.idleAfter &&
      this.isUpToDate &&
      this.channel.isIdleAt(this.position)
    );
  }
}
