import type { ServerResponse } from 'node:http';
import type { ChunkEncoder, EncodeOptions } from '../frames/chunk-encoder.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import { encodeRetry, PING, PING_BEFORE_FRAME } from '../frames/sse-frame.js';
import { WheelEntry } from '../scheduling/timer-wheel.js';
import type { StreamStats } from '../stream-stats.js';
import { type DrainListener, SocketWriter } from './socket-writer.js';
import type { TcpSendQueues } from './tcp-send-queues.js';

/** The limits and objects that all streams share. */
export interface StreamRules {
  heartbeatMs: number;
  stallMs: number;
  retryMs: number;
  /** Bytes of one write. */
  batchBytes: number;
  queues: TcpSendQueues;
  stats: StreamStats;
}

/** Supplies the frames that a connection writes: the events of one execution, or of many. */
export interface StreamSource {
  /** Stops writing, because the socket is full. */
  pause(): void;
  /** Continues, because the socket has drained. */
  resume(): void;
  /** Releases all resources, because the stream has ended. */
  onClose(): void;
}

export interface ConnectionOptions {
  response: ServerResponse;
  /** Undefined for a body without a content coding. */
  encoder: ChunkEncoder | undefined;
  /** When the stream ends by itself, in ms of the monotonic clock. */
  until: number;
  /** Written when the server ends the stream before its source does, in addition to when to reconnect. */
  interruption?: HttpChunk | undefined;
  /** Whether it writes neither `retry` nor heartbeats that stand alone. */
  sendsOnlyFrames?: boolean | undefined;
  rules: StreamRules;
  /** Ends the response. An error is logged. */
  finish: (error?: Error) => void;
}

/** How often a full socket is checked within one stall limit. */
const CHECKS_PER_STALL = 4;
/** Heartbeats come up to this fraction early, differently for each stream. Otherwise all would be due at once after an event. */
const HEARTBEAT_SPREAD = 0.2;

/** One open SSE response: writes, heartbeats, stall limit, age and expiry. Its source supplies the frames. */
export class SseConnection extends WheelEntry implements DrainListener {
  /** Whether the stream has ended and nothing more may be written. The socket may still have bytes to take. */
  hasEnded = false;
  readonly rules: StreamRules;
  /** Ends the response. An error is logged. */
  readonly finish: (error?: Error) => void;
  private hasStarted = false;
  private source: StreamSource | undefined;
  private readonly writer: SocketWriter;
  private readonly until: number;
  private readonly interruption: HttpChunk | undefined;
  private readonly sendsOnlyFrames: boolean;
  private writtenAt = performance.now();
  private readonly spread = 1 - Math.random() * HEARTBEAT_SPREAD;
  /** The bytes that a full socket and the kernel still had to send at the last check, and since when they are the same. */
  private stall: { since: number; pending: number; kernel: number | undefined } | undefined;

  constructor({
    response,
    encoder,
    until,
    interruption,
    sendsOnlyFrames = false,
    rules,
    finish,
  }: ConnectionOptions) {
    super();
    this.interruption = interruption;
    this.sendsOnlyFrames = sendsOnlyFrames;
    this.rules = rules;
    this.finish = finish;
    this.until = until;
    this.writer = new SocketWriter(response, encoder, this);
  }

  /** Sets the source. Must be called before `start`. */
  attach(source: StreamSource): void {
    this.source = source;
  }

  /** Writes the first frame. */
  start(greeting: HttpChunk): void {
    this.hasStarted = true;
    this.write(greeting, performance.now());
  }

  /** Ends delivery. The stall limit still applies to the bytes that the socket has not taken yet. */
  close(): void {
    this.hasEnded = true;
    this.source?.onClose();
  }

  /** Whether the socket is full at the moment. */
  get isBlocked(): boolean {
    return this.writer.isBlocked;
  }

  /** Whether the response has ended and the socket has taken its last byte. */
  get isClosed(): boolean {
    return this.writer.isClosed;
  }

  /**
   * Writes when to reconnect, if the socket is not full, and ends the stream. An interruption is written in any case, because
   * its client would take the end of the stream for the end of the answer.
   * @param error is logged
   */
  endWithRetry(error?: Error): void {
    if (this.hasEnded) return;
    const now = performance.now();
    if (this.hasStarted && !this.writer.isBlocked && !this.sendsOnlyFrames)
      this.write(encodeRetry(this.rules.retryMs), now);
    if (this.interruption) this.write(this.interruption, now);
    this.finish(error);
  }

  /**
   * Writes a chunk. The source is paused if the socket is full afterwards.
   * @param options only for a chunk that differs from the usual ones of the stream
   */
  write(chunk: HttpChunk, now: number, options?: EncodeOptions): void {
    this.writtenAt = now;
    this.rules.stats.bytes += chunk.bytes;
    if (!this.writer.write(chunk, options)) this.source?.pause();
  }

  /** Writes heartbeats, and checks age, expiry and the stall limit. */
  override onTimer(now: number): number {
    const { heartbeatMs, stallMs } = this.rules;
    if (this.writer.isClosed) return Infinity;
    if (!this.hasEnded && now >= this.until) this.endWithRetry();
    if (this.writer.isBlocked || this.hasEnded) {
      this.checkStall(now);
      return Math.min(stallMs / CHECKS_PER_STALL, this.hasEnded ? Infinity : this.until - now);
    }
    const beatMs = heartbeatMs * this.spread;
    if (now - this.writtenAt >= beatMs) this.write(this.sendsOnlyFrames ? PING_BEFORE_FRAME : PING, now);
    return Math.min(this.writtenAt + beatMs - now, this.until - now);
  }

  /** Continues after a full socket has drained. */
  onDrain(): void {
    this.stall = undefined;
    if (!this.hasEnded) this.source?.resume();
  }

  private checkStall(now: number): void {
    const { pendingBytes: pending, socket } = this.writer;
    // The response still waits for another one of its connection, for which there is no time limit.
    if (!socket) return;
    if (this.stall?.pending !== pending) this.stall = { since: now, pending, kernel: undefined };
    const { stall } = this;
    // Node's buffer has not shrunk, but the kernel may still be draining its own send buffer, which can hold megabytes.
    // Check that before calling the stream stalled.
    void this.rules.queues.of(socket).then((kernel) => {
      if (this.stall !== stall) return;
      if (kernel !== stall.kernel) {
        this.stall = { since: now, pending, kernel };
        return;
      }
      if (now - stall.since < this.rules.stallMs) return;
      // The client loses nothing: it reconnects, and the journal has all events.
      this.rules.stats.stalled += 1;
      this.writer.destroy();
    });
  }
}
