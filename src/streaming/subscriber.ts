import type { ServerResponse } from 'node:http';
import type { JournalReader } from '../journal/journal-reader.js';
import type { Channel } from './channel.js';
import { encodeEvent } from './sse-frame.js';
import type { TypeFilter } from './type-filter.js';

const PAGE_EVENTS = 1_000;

/**
 * The server's side of one stream: a cursor. While it keeps up it writes the channel's shared buffers.
 * When its socket is full it stops where it is, costs no queue, and goes on when the socket drains:
 * from the channel's ring, or from the journal by page, until it has caught up.
 */
export class Subscriber {
  private position: number;
  private caughtUp = false;
  private closed = false;
  private pumping = false;
  private lastWrite = Date.now();
  /** Since when the socket has been full, and how much it still had to take when last looked at. */
  private blocked: { since: number; length: number } | undefined;

  constructor(
    private readonly channel: Channel,
    private readonly journal: JournalReader,
    private readonly response: ServerResponse,
    readonly filter: TypeFilter,
    after: number,
    private readonly pageBytes: number,
    private readonly finish: (error?: Error) => void,
  ) {
    this.position = after;
    response.on('drain', this.onDrain);
  }

  /** Starts delivery behind `greeting`. */
  start(greeting: Buffer): void {
    this.channel.subscribers.add(this);
    this.write(greeting);
    this.pump();
  }

  close(): void {
    this.closed = true;
    this.channel.subscribers.delete(this);
    this.response.off('drain', this.onDrain);
  }

  /** Whether it waits for just the events after this position. */
  isAt(position: number): boolean {
    return this.caughtUp && this.position === position;
  }

  /** Takes the channel's shared buffer, which brings it to `position`. */
  deliver(buffer: Buffer, position: number): void {
    this.position = position;
    if (buffer.length > 0) this.write(buffer);
    this.endIfOver();
  }

  /** The channel has moved on, but not from where this one is: it fetches what is missing itself. */
  wake(): void {
    if (!this.caughtUp) return;
    if (this.position < this.channel.position) {
      this.pump();
    } else {
      // It read the journal further than the channel was then, perhaps to the end.
      this.endIfOver();
    }
  }

  /** Writes a last frame before the server closes the stream. */
  farewell(frame: Buffer): void {
    if (!this.closed && !this.blocked) this.write(frame);
    this.finish();
  }

  /** Whether its socket takes nothing at the moment. */
  get isBlocked(): boolean {
    return this.blocked !== undefined;
  }

  /** Heartbeat and stall limit, called by the hub's one timer. */
  tick(now: number, heartbeatMs: number, stallMs: number, ping: Buffer): void {
    if (this.blocked) {
      const length = this.response.socket?.writableLength ?? 0;
      if (length !== this.blocked.length) this.blocked = { since: now, length };
      // Nothing was taken for the whole limit. It loses nothing: the journal has it, and the client comes back.
      else if (now - this.blocked.since >= stallMs) {
        this.channel.stats.stalled += 1;
        this.response.destroy();
      }
    } else if (now - this.lastWrite >= heartbeatMs) {
      this.write(ping);
    }
  }

  private readonly onDrain = (): void => {
    this.blocked = undefined;
    this.pump();
  };

  private write(buffer: Buffer): void {
    this.lastWrite = Date.now();
    this.channel.stats.bytes += buffer.length;
    if (this.response.write(buffer)) return;
    this.caughtUp = false;
    this.blocked = { since: this.lastWrite, length: this.response.socket?.writableLength ?? 0 };
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
      while (!this.closed && !this.blocked) {
        if (this.position >= this.channel.position) {
          this.caughtUp = true;
          this.endIfOver();
          return;
        }
        const recent = this.channel.recent(this.position);
        if (recent) this.writeRecent(recent);
        else await this.writePage();
      }
    } finally {
      // In the same turn as the last look at the channel: whoever wakes us after it must find the pump at rest.
      this.pumping = false;
    }
  }

  private writeRecent(recent: ReturnType<Channel['recent']> & object): void {
    const frames: Buffer[] = [];
    let bytes = 0;
    for (const event of recent) {
      this.position = event.sequence;
      if (!this.filter.admits(event.type)) continue;
      frames.push(event.frame);
      bytes += event.frame.length;
      if (bytes >= this.pageBytes) break;
    }
    this.channel.stats.delivered += frames.length;
    if (frames.length > 0) this.write(Buffer.concat(frames));
  }

  private async writePage(): Promise<void> {
    // What is read now covers at least everything up to here, shown or not.
    const known = this.channel.position;
    const events = await this.journal.read(this.channel.executionId, this.position, {
      types: this.filter.types,
      limit: PAGE_EVENTS,
      bytes: this.pageBytes,
    });
    this.channel.stats.catchUpReads += 1;
    if (this.closed) return;
    this.channel.stats.delivered += events.length;
    const bytes = events.reduce((sum, event) => sum + Buffer.byteLength(event.data), 0);
    const cut = events.length === PAGE_EVENTS || bytes >= this.pageBytes;
    const last = events.at(-1)?.sequence ?? this.position;
    this.position = cut ? last : Math.max(last, known);
    if (events.length > 0) this.write(Buffer.concat(events.map(encodeEvent)));
  }

  private endIfOver(): void {
    if (!this.closed && this.channel.end !== undefined && this.position >= this.channel.end) this.finish();
  }
}
