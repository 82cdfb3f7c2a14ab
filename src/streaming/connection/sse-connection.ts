import type { ServerResponse } from 'node:http';
import type { HttpChunk } from '../frames/http-chunk.js';
import type { GzipBody, Sharing } from '../gzip/gzip-body.js';
import type { PageCache } from '../channel/page-cache.js';
import type { TcpSendQueues } from './tcp-send-queues.js';
import { encodeRetry, PING } from '../frames/sse-frame.js';
import type { StreamStats } from '../stream-stats.js';
import { SocketWriter } from './socket-writer.js';
import { WheelEntry } from '../scheduling/timer-wheel.js';

/** What is the same for all streams. */
export interface StreamRules {
  heartbeatMs: number;
  stallMs: number;
  retryMs: number;
  /** Bytes of one write. */
  batchBytes: number;
  pages: PageCache;
  queues: TcpSendQueues;
  stats: StreamStats;
}

/** Looks at a full socket within one stall limit. */
const LOOKS_PER_STALL = 4;
/** Heartbeats come a little early, each stream's at another time: after an event to all they would come all at once. */
const HEARTBEAT_SPREAD = 0.2;

/** One open stream, whatever it shows: heartbeats, stall limit, age and expiry, the way out. */
export abstract class SseConnection extends WheelEntry {
  protected started = false;
  protected closed = false;
  protected readonly writer: SocketWriter;
  private writtenAt = performance.now();
  private readonly spread = 1 - Math.random() * HEARTBEAT_SPREAD;
  /** What a full socket had still to take when last looked at, and since when it is the same. */
  private stall: { since: number; waiting: number; kernel: number | undefined } | undefined;

  /**
   * @param until when the stream ends by itself, ms of the monotonic clock
   * @param finish ends the response, once
   */
  constructor(
    response: ServerResponse,
    private readonly until: number,
    protected readonly rules: StreamRules,
    protected readonly finish: (error?: Error) => void,
  ) {
    super();
    this.writer = new SocketWriter(response, () => this.drained());
  }

  /** Goes on after the socket was full. */
  protected abstract resume(): void;

  /** No more is delivered. What the socket has not taken yet is still watched for the stall limit. */
  close(): void {
    this.closed = true;
  }

  /** Sends it compressed; to be called before anything is written. */
  compress(body: GzipBody): void {
    this.writer.gzip = body;
  }

  /** Whether its socket takes nothing at the moment. */
  get isBlocked(): boolean {
    return this.writer.blocked;
  }

  /** Whether its response is over, the last byte taken included. */
  get isClosed(): boolean {
    return this.writer.isClosed;
  }

  /** Tells when to come back, and ends the stream. */
  endWithRetry(): void {
    if (this.closed) return;
    if (this.started && !this.writer.blocked) this.write(encodeRetry(this.rules.retryMs), performance.now());
    this.finish();
  }

  /** Heartbeat, end by age or expiry, stall limit. */
  override onTimer(now: number): number {
    const { heartbeatMs, stallMs } = this.rules;
    if (this.writer.isClosed) return Infinity;
    if (!this.closed && now >= this.until) this.endWithRetry();
    if (this.writer.blocked || this.closed) {
      this.checkStall(now);
      return Math.min(stallMs / LOOKS_PER_STALL, this.closed ? Infinity : this.until - now);
    }
    const beat = heartbeatMs * this.spread;
    if (now - this.writtenAt >= beat) this.write(PING, now);
    return Math.min(this.writtenAt + beat - now, this.until - now);
  }

  /**
   * @param pieces whether other streams write the chunk too, if it differs from what is usual for this one
   * @returns whether more may be written
   */
  protected write(chunk: HttpChunk, now: number, pieces?: Sharing): boolean {
    this.writtenAt = now;
    this.rules.stats.bytes += chunk.bytes;
    return this.writer.write(chunk, pieces);
  }

  private checkStall(now: number): void {
    const { waiting, socket } = this.writer;
    // It waits for its turn behind another answer of its connection, which may take as long as it likes.
    if (!socket) return;
    if (this.stall?.waiting !== waiting) this.stall = { since: now, waiting, kernel: undefined };
    const { stall } = this;
    // Nothing moved here. The kernel may have moved something: what it has for a socket is no small matter.
    void this.rules.queues.of(socket).then((kernel) => {
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
    if (!this.closed) this.resume();
  }
}
