import type { ServerResponse } from 'node:http';
import type { Channel, Watcher } from './channel.js';
import type { Chunk } from './chunk.js';
import type { PageCache } from './page-cache.js';
import { join, type Part } from './part.js';
import type { SendQueues } from './send-queues.js';
import { encodeRetry, PING } from './sse-frame.js';
import type { StreamStats } from './stream-stats.js';
import { StreamWriter } from './stream-writer.js';
import { Timed } from './timer-wheel.js';
import type { TypeFilter } from './type-filter.js';

/** What is the same for all streams. */
export interface StreamRules {
  heartbeatMs: number;
  stallMs: number;
  retryMs: number;
  /** Bytes of one write. */
  partBytes: number;
  pages: PageCache;
  queues: SendQueues;
  stats: StreamStats;
}

/** Looks at a full socket within one stall limit. */
const LOOKS_PER_STALL = 4;
/** Heartbeats come a little early, each stream's at another time: after an event to all they would come all at once. */
const HEARTBEAT_SPREAD = 0.2;

/**
 * The server's side of one stream: a cursor. While it keeps up it writes the channel's shared buffers.
 * When its socket is full it stops where it is, costs no queue, and goes on when the socket drains:
 * from the channel's ring, or from the journal by page, until it has caught up.
 */
export class Subscriber extends Timed implements Watcher {
  private caughtUp = false;
  private started = false;
  private closed = false;
  private pumping = false;
  private written = Date.now();
  private readonly spread = 1 - Math.random() * HEARTBEAT_SPREAD;
  private readonly writer: StreamWriter;
  /** What a full socket had still to take when last looked at, and since when it is the same. */
  private stall: { since: number; waiting: number; kernel: number | undefined } | undefined;

  /**
   * @param position events after it are sent
   * @param until when the stream ends by itself, ms since the epoch
   * @param finish ends the response, once
   */
  constructor(
    private readonly channel: Channel,
    response: ServerResponse,
    readonly filter: TypeFilter,
    private position: number,
    private readonly until: number,
    private readonly rules: StreamRules,
    private readonly finish: (error?: Error) => void,
  ) {
    super();
    this.writer = new StreamWriter(response, () => this.drained());
  }

  /** Starts delivery behind `greeting`. */
  start(greeting: Chunk): void {
    if (this.closed) return;
    this.started = true;
    this.channel.watchers.add(this);
    this.write(greeting, Date.now());
    this.pump();
  }

  /** No more is delivered. What the socket has not taken yet is still watched for the stall limit. */
  close(): void {
    this.closed = true;
    this.channel.watchers.delete(this);
  }

  get executionId(): string {
    return this.channel.executionId;
  }

  /** Whether its socket takes nothing at the moment. */
  get isBlocked(): boolean {
    return this.writer.blocked;
  }

  /** Whether its response is over, the last byte taken included. */
  get gone(): boolean {
    return this.writer.gone;
  }

  isAt(position: number): boolean {
    return this.caughtUp && this.position === position;
  }

  deliver(part: Part, now: number): boolean {
    this.position = part.to;
    this.writePart(part, now);
    this.endIfOver();
    return this.caughtUp && !this.closed;
  }

  wake(): void {
    if (!this.caughtUp) return;
    if (this.position < this.channel.position) {
      this.pump();
    } else {
      // It read the journal further than the channel was then, perhaps to the end.
      this.endIfOver();
    }
  }

  /** Tells when to come back, and ends the stream. */
  farewell(): void {
    if (this.closed) return;
    if (this.started && !this.writer.blocked) this.write(encodeRetry(this.rules.retryMs), Date.now());
    this.finish();
  }

  /** Heartbeat, end by age or expiry, stall limit. */
  override look(now: number): number {
    const { heartbeatMs, stallMs } = this.rules;
    if (this.writer.gone) return Infinity;
    if (!this.closed && now >= this.until) this.farewell();
    if (this.writer.blocked || this.closed) {
      this.lookAtStall(now);
      return Math.min(stallMs / LOOKS_PER_STALL, this.closed ? Infinity : this.until - now);
    }
    const beat = heartbeatMs * this.spread;
    if (now - this.written >= beat) this.write(PING, now);
    return Math.min(this.written + beat - now, this.until - now);
  }

  private lookAtStall(now: number): void {
    const { waiting } = this.writer;
    if (this.stall?.waiting !== waiting) this.stall = { since: now, waiting, kernel: undefined };
    const { stall } = this;
    const { socket } = this.writer;
    // Nothing moved here. The kernel may have moved something: what it has for a socket is no small matter.
    void (socket ? this.rules.queues.of(socket) : Promise.resolve(undefined)).then((kernel) => {
      if (this.stall !== stall) return;
      if (kernel !== stall.kernel) {
        this.stall = { since: now, waiting, kernel };
        return;
      }
      // It loses nothing: the journal has everything, and the client comes back.
      if (now - stall.since < this.rules.stallMs) return;
      this.rules.stats.stalled += 1;
      this.writer.destroy();
    });
  }

  private drained(): void {
    this.stall = undefined;
    if (!this.closed) this.pump();
  }

  private writePart({ chunk, count }: Part, now: number): void {
    if (!chunk) return;
    this.rules.stats.delivered += count;
    this.write(chunk, now);
  }

  private write(chunk: Chunk, now: number): void {
    this.written = now;
    this.rules.stats.bytes += chunk.body.length;
    if (!this.writer.write(chunk)) this.caughtUp = false;
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
          this.endIfOver();
          return;
        }
        const part = this.recent() ?? (await this.fromJournal());
        if (this.closed) return;
        this.position = Math.max(this.position, part.to);
        this.writePart(part, Date.now());
      }
    } finally {
      // In the same turn as the last look at the channel: whoever wakes us after it must find the pump at rest.
      this.pumping = false;
    }
  }

  private recent(): Part | undefined {
    const events = this.channel.recent(this.position);
    return events && join(events, this.position, this.filter, this.rules.partBytes).next().value!;
  }

  private fromJournal(): Promise<Part> {
    const { executionId, position } = this.channel;
    return this.rules.pages.next(executionId, this.filter, this.position, position);
  }

  private endIfOver(): void {
    if (!this.closed && this.channel.end !== undefined && this.position >= this.channel.end) this.finish();
  }
}
