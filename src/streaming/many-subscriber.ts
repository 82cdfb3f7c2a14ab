import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Channel, Watcher } from './channel.js';
import type { ChannelPool } from './channel-pool.js';
import type { Chunk } from './chunk.js';
import { Draft, fieldsOf } from './frame-rewriter.js';
import type { Lane, Vector } from './lane.js';
import { Outlet, type StreamRules } from './outlet.js';
import type { Part } from './part.js';
import { framesOf } from './sse-frame.js';
import type { TypeFilter } from './type-filter.js';

/** One for all streams, which begin it anew each time: what is drafted is written in the same turn. */
const draft = new Draft();

/** A stream's place in one execution's channel. It takes no shared buffers, as its frames have other ids. */
class Tap implements Watcher {
  constructor(
    readonly lane: Lane,
    readonly channel: Channel,
    readonly filter: TypeFilter,
    private readonly news: (tap: Tap) => void,
    readonly endWithRetry: () => void,
  ) {}

  get isBehind(): boolean {
    return this.lane.position < this.channel.position;
  }

  get isOver(): boolean {
    return this.channel.end !== undefined && this.lane.position >= this.channel.end;
  }

  isAt(): boolean {
    return false;
  }

  deliver(): boolean {
    return false;
  }

  wake(): void {
    this.news(this);
  }
}

/**
 * The server's side of a stream of many executions: a position in each. What is new goes out once a turn, joined;
 * executions take turns, so that a long one does not hold up the others. When the socket is full it stops where it is
 * and costs no queue.
 */
export class ManySubscriber extends Outlet {
  private readonly taps = new Map<Lane, Tap>();
  /** Those with something to tell, the next one first. */
  private readonly behind = new Set<Tap>();
  private pumping = false;
  /** Bytes written in this round. */
  private written = 0;

  /**
   * @param endsWithLast whether the stream ends with its last execution
   * @param onRoom called when an execution came to its end
   */
  constructor(
    private readonly vector: Vector,
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
  start(greeting: Chunk): void {
    if (this.closed) return;
    this.started = true;
    this.write(greeting, Date.now());
    for (const lane of this.vector.lanes) this.join(lane);
  }

  /** A further execution is on the stream. */
  join(lane: Lane): void {
    if (this.closed || !this.started || this.taps.has(lane)) return;
    const { channel, ready } = this.pool.join(lane.executionId, 'among');
    const tap = new Tap(lane, channel, this.filter, this.news, () => this.farewell());
    this.taps.set(lane, tap);
    ready.then(
      () => {
        if (this.taps.get(lane) !== tap) return;
        channel.watchers.add(tap);
        this.news(tap);
      },
      (error: Error) => this.finish(error),
    );
  }

  override close(): void {
    super.close();
    for (const tap of this.taps.values()) this.leave(tap);
    this.behind.clear();
  }

  protected override resume(): void {
    this.pump();
  }

  private readonly news = (tap: Tap): void => {
    this.behind.add(tap);
    this.pump();
  };

  private leave(tap: Tap): void {
    this.taps.delete(tap.lane);
    this.behind.delete(tap);
    tap.channel.watchers.delete(tap);
    this.pool.leave(tap.lane.executionId, 'among');
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
        if (this.endIfOver()) return;
        if (absent && !this.writer.blocked) await this.read(absent);
        // A stream that has a lot to write lets the others have their turn.
        else if (this.written >= this.rules.partBytes) await nextTurn();
      }
    } finally {
      this.pumping = false;
    }
  }

  private writeDraft(): void {
    if (draft.length === 0) return;
    this.written += draft.length;
    this.write(draft.chunk(), Date.now());
    draft.clear();
  }

  /**
   * Drafts what is at hand of those behind, in turns.
   * @returns the first one that has to be read from the journal
   */
  private gather(): Tap | undefined {
    draft.clear();
    let absent: Tap | undefined;
    // Not the set itself: those that go to the end of its line have their next turn after this.
    const line = Array.from(this.behind);
    for (const tap of line) {
      // A long frame was written by itself, and ends the round.
      if (draft.length >= this.rules.partBytes || this.written > 0) break;
      this.behind.delete(tap);
      if (!tap.isBehind) {
        if (tap.isOver) this.over(tap);
        continue;
      }
      const part = tap.channel.recent(tap.lane.position, this.filter);
      if (part) this.put(tap, part);
      else absent ??= tap;
      // To the end of the line, also to be looked at once more for its end.
      if (!part || tap.isBehind || tap.isOver) this.behind.add(tap);
    }
    return absent;
  }

  private async read(tap: Tap): Promise<void> {
    const { lane, channel } = tap;
    const part = await this.rules.pages.next(
      lane.executionId,
      this.filter,
      lane.position,
      Math.max(channel.position, lane.position),
    );
    if (this.closed || this.writer.blocked || this.taps.get(lane) !== tap) return;
    draft.clear();
    this.put(tap, part);
    this.writeDraft();
  }

  /** Drafts the frames of a part until there is enough for one write; the rest is for the next turn. */
  private put({ lane }: Tap, { chunk, to }: Part): void {
    if (chunk) {
      const { body } = chunk;
      for (const frame of framesOf(body)) {
        if (frame.sequence <= lane.position) continue;
        if (draft.length >= this.rules.partBytes) return;
        this.vector.tell(lane, frame.sequence);
        this.rules.stats.delivered += 1;
        const cursor = this.vector.cursor().letters;
        const fields = fieldsOf(chunk, frame);
        if (fields) {
          draft.addHead(body, frame);
          this.writeDraft();
          this.written += fields.bytes;
          this.write(fields, Date.now(), 'shared');
          draft.addTail(cursor);
          this.writeDraft();
          return;
        }
        draft.add(body, frame, cursor);
      }
    }
    if (to > lane.position) this.vector.tell(lane, to);
  }

  private over(tap: Tap): void {
    this.leave(tap);
    this.vector.over(tap.lane);
    this.onRoom();
  }

  private endIfOver(): boolean {
    if (!this.endsWithLast || this.taps.size > 0 || this.closed) return false;
    this.finish();
    return true;
  }
}
