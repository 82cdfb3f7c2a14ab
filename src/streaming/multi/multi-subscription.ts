import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Channel, Watcher } from '../channel/channel.js';
import type { ChannelPool } from '../channel/channel-pool.js';
import type { HttpChunk } from '../frames/http-chunk.js';
import { FrameBuffer, fieldsOf } from './frame-rewriter.js';
import type { ExecutionPosition, StreamPosition } from './stream-position.js';
import { SseConnection, type StreamRules } from '../connection/sse-connection.js';
import type { FrameBatch } from '../frames/frame-batch.js';
import { framesOf } from '../frames/sse-frame.js';
import type { TypeFilter } from '../frames/type-filter.js';

/** One for all streams, which begin it anew each time: what is drafted is written in the same turn. */
const draft = new FrameBuffer();

/** A stream's place in one execution's channel. It takes no shared buffers, as its frames have other ids. */
class ChannelListener implements Watcher {
  constructor(
    readonly position: ExecutionPosition,
    readonly channel: Channel,
    readonly filter: TypeFilter,
    private readonly onAdvance: (tap: ChannelListener) => void,
    readonly endWithRetry: () => void,
  ) {}

  get isBehind(): boolean {
    return this.position.position < this.channel.position;
  }

  get hasEnded(): boolean {
    return this.channel.end !== undefined && this.position.position >= this.channel.end;
  }

  isAt(): boolean {
    return false;
  }

  deliver(): boolean {
    return false;
  }

  wake(): void {
    this.onAdvance(this);
  }
}

/**
 * The server's side of a stream of many executions: a position in each. What is new goes out once a turn, joined;
 * executions take turns, so that a long one does not hold up the others. When the socket is full it stops where it is
 * and costs no queue.
 */
export class MultiSubscription extends SseConnection {
  private readonly listeners = new Map<ExecutionPosition, ChannelListener>();
  /** Those with something to tell, the next one first. */
  private readonly behind = new Set<ChannelListener>();
  private pumping = false;
  /** Bytes written in this round. */
  private written = 0;

  /**
   * @param endsWithLast whether the stream ends with its last execution
   * @param onRoom called when an execution came to its end
   */
  constructor(
    private readonly position: StreamPosition,
    private readonly pool: ChannelPool,
    response: ServerResponse,
    private readonly filter: TypeFilter,
    until: number,
    rules: StreamRules,
    private readonly endsWithLast: boolean,
    private readonly onRoom: () => void,
    finish: (error?: Error) => void,
  ) {
    super(response, until, rules, finish);
  }

  /** Starts delivery behind `greeting`. */
  start(greeting: HttpChunk): void {
    if (this.closed) return;
    this.started = true;
    this.write(greeting, performance.now());
    for (const lane of this.position.positions) this.join(lane);
  }

  /** A further execution is on the stream. */
  join(lane: ExecutionPosition): void {
    if (this.closed || !this.started || this.listeners.has(lane)) return;
    const { channel, ready } = this.pool.join(lane.executionId, 'among');
    const tap = new ChannelListener(lane, channel, this.filter, this.onAdvance, () => this.endWithRetry());
    this.listeners.set(lane, tap);
    ready.then(
      () => {
        if (this.listeners.get(lane) !== tap) return;
        channel.watchers.add(tap);
        this.onAdvance(tap);
      },
      (error: Error) => this.finish(error),
    );
  }

  override close(): void {
    super.close();
    for (const tap of this.listeners.values()) this.leave(tap);
    this.behind.clear();
  }

  protected override resume(): void {
    this.pump();
  }

  private readonly onAdvance = (tap: ChannelListener): void => {
    this.behind.add(tap);
    this.pump();
  };

  private leave(tap: ChannelListener): void {
    this.listeners.delete(tap.position);
    this.behind.delete(tap);
    tap.channel.watchers.delete(tap);
    this.pool.leave(tap.position.executionId, 'among');
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    this.writeAll().catch((error: Error) => this.finish(error));
  }

  private async writeAll(): Promise<void> {
    try {
      // After all channels that have something in this turn have said so.
      await Promise.resolve();
      while (!this.closed && !this.writer.blocked && this.behind.size > 0) {
        this.written = 0;
        const absent = this.gather();
        this.writeDraft();
        if (this.endIfComplete()) return;
        if (absent && !this.writer.blocked) await this.read(absent);
        // A stream that has a lot to write lets the others have their turn.
        else if (this.written >= this.rules.batchBytes) await nextTurn();
      }
    } finally {
      this.pumping = false;
    }
  }

  private writeDraft(): void {
    if (draft.length === 0) return;
    this.written += draft.length;
    this.write(draft.chunk(), performance.now());
    draft.clear();
  }

  /**
   * Drafts what is at hand of those behind, in turns.
   * @returns the first one that has to be read from the journal
   */
  private gather(): ChannelListener | undefined {
    draft.clear();
    let absent: ChannelListener | undefined;
    // Not the set itself: those that go to the end of its line have their next turn after this.
    const line = Array.from(this.behind);
    for (const tap of line) {
      // A long frame was written by itself, and ends the round.
      if (draft.length >= this.rules.batchBytes || this.written > 0) break;
      this.behind.delete(tap);
      if (!tap.isBehind) {
        if (tap.hasEnded) this.end(tap);
        continue;
      }
      const part = tap.channel.recent(tap.position.position, this.filter);
      if (part) this.append(tap, part);
      else absent ??= tap;
      // To the end of the line, also to be looked at once more for its end.
      if (!part || tap.isBehind || tap.hasEnded) this.behind.add(tap);
    }
    return absent;
  }

  private async read(tap: ChannelListener): Promise<void> {
    const { position: lane, channel } = tap;
    const part = await this.rules.pages.next(
      lane.executionId,
      this.filter,
      lane.position,
      Math.max(channel.position, lane.position),
    );
    if (this.closed || this.writer.blocked || this.listeners.get(lane) !== tap) return;
    draft.clear();
    this.append(tap, part);
    this.writeDraft();
  }

  /** Drafts the frames of a part until there is enough for one write; the rest is for the next turn. */
  private append({ position: lane }: ChannelListener, { chunk, to }: FrameBatch): void {
    if (chunk) {
      const { body } = chunk;
      for (const frame of framesOf(body)) {
        if (frame.sequence <= lane.position) continue;
        if (draft.length >= this.rules.batchBytes) return;
        this.position.advance(lane, frame.sequence);
        this.rules.stats.delivered += 1;
        const cursor = this.position.cursor().letters;
        const fields = fieldsOf(chunk, frame);
        if (fields) {
          draft.addHead(body, frame);
          this.writeDraft();
          this.written += fields.bytes;
          this.write(fields, performance.now(), 'shared');
          draft.addTail(cursor);
          this.writeDraft();
          return;
        }
        draft.add(body, frame, cursor);
      }
    }
    if (to > lane.position) this.position.advance(lane, to);
  }

  private end(tap: ChannelListener): void {
    this.leave(tap);
    this.position.markEnded(tap.position);
    this.onRoom();
  }

  private endIfComplete(): boolean {
    if (!this.endsWithLast || this.listeners.size > 0 || this.closed) return false;
    this.finish();
    return true;
  }
}
