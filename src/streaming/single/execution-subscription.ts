import type { ServerResponse } from 'node:http';
import type { Channel, Watcher } from '../channel/channel.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import { SseConnection, type StreamRules } from '../connection/sse-connection.js';
import type { FrameBatch } from '../frames/frame-batch.js';
import type { TypeFilter } from '../frames/type-filter.js';

/**
 * The server's side of one stream: a cursor. While it keeps up it writes the channel's shared buffers.
 * When its socket is full it stops where it is, costs no queue, and goes on when the socket drains:
 * from the channel's ring, or from the journal by page, until it has caught up.
 */
export class ExecutionSubscription extends SseConnection implements Watcher {
  private caughtUp = false;
  private pumping = false;

  /**
   * @param position events after it are sent
   * @param until when the stream ends by itself, ms of the monotonic clock
   * @param finish ends the response, once
   */
  constructor(
    private readonly channel: Channel,
    response: ServerResponse,
    readonly filter: TypeFilter,
    private position: number,
    until: number,
    rules: StreamRules,
    finish: (error?: Error) => void,
  ) {
    super(response, until, rules, finish);
  }

  /** Starts delivery behind `greeting`. */
  start(greeting: HttpChunk): void {
    if (this.closed) return;
    this.started = true;
    this.channel.watchers.add(this);
    this.write(greeting, performance.now());
    this.pump();
  }

  override close(): void {
    super.close();
    this.channel.watchers.delete(this);
  }

  get executionId(): string {
    return this.channel.executionId;
  }

  isAt(position: number): boolean {
    return this.caughtUp && this.position === position;
  }

  deliver(part: FrameBatch, now: number): boolean {
    this.position = part.to;
    this.writePart(part, now);
    this.endIfComplete();
    return this.caughtUp && !this.closed;
  }

  wake(): void {
    if (!this.caughtUp) return;
    if (this.position < this.channel.position) {
      this.pump();
    } else {
      // It read the journal further than the channel was then, perhaps to the end.
      this.endIfComplete();
    }
  }

  protected override resume(): void {
    this.pump();
  }

  protected override write(chunk: HttpChunk, now: number): boolean {
    const more = super.write(chunk, now);
    if (!more) this.caughtUp = false;
    return more;
  }

  private writePart({ chunk, count }: FrameBatch, now: number): void {
    if (!chunk) return;
    this.rules.stats.delivered += count;
    this.write(chunk, now);
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    // Until it has caught up again it takes nothing from the channel's flush: each event comes one way.
    this.caughtUp = false;
    this.catchUp().catch((error: Error) => this.finish(error));
  }

  private async catchUp(): Promise<void> {
    try {
      while (!this.closed && !this.writer.blocked) {
        if (this.position >= this.channel.position) {
          this.caughtUp = true;
          this.endIfComplete();
          return;
        }
        const part = this.channel.recent(this.position, this.filter) ?? (await this.fromJournal());
        if (this.closed) return;
        this.position = Math.max(this.position, part.to);
        this.writePart(part, performance.now());
      }
    } finally {
      // In the same turn as the last look at the channel: whoever wakes us after it must find the pump at rest.
      this.pumping = false;
    }
  }

  private fromJournal(): Promise<FrameBatch> {
    const { executionId, position } = this.channel;
    return this.rules.pages.next(executionId, this.filter, this.position, position);
  }

  private endIfComplete(): void {
    if (!this.closed && this.channel.end !== undefined && this.position >= this.channel.end) this.finish();
  }
}
