import type { ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Channel, Watcher } from './channel.js';
import type { ChannelPool } from './channel-pool.js';
import { Chunk } from './chunk.js';
import { framesOf } from './frame-rewriter.js';
import type { Lane, Vector } from './lane.js';
import { Outlet, type StreamRules } from './outlet.js';
import { join, type Part } from './part.js';
import type { TypeFilter } from './type-filter.js';

/** A stream's place in one execution's channel. It takes no shared buffers, as its frames have other ids. */
class Tap implements Watcher {
  constructor(
    readonly lane: Lane,
    readonly channel: Channel,
    readonly filter: TypeFilter,
    private readonly news: (tap: Tap) => void,
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
    const tap = new Tap(lane, channel, this.filter, this.news);
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
        const frames: Buffer[] = [];
        const { bytes, absent } = this.gather(frames);
        if (frames.length > 0) this.write(Chunk.join(frames, bytes), Date.now());
        if (this.endIfOver()) return;
        if (absent && !this.writer.blocked) await this.read(absent);
        // A stream that has a lot to write lets the others have their turn.
        else if (bytes >= this.rules.partBytes) await nextTurn();
      }
    } finally {
      this.pumping = false;
    }
  }

  /**
   * Takes what is at hand of those behind, in turns.
   * @returns the bytes of it, and the first one that has to be read from the journal
   */
  private gather(frames: Buffer[]): { bytes: number; absent: Tap | undefined } {
    let bytes = 0;
    let absent: Tap | undefined;
    // Not the set itself: those that go to the end of its line have their next turn after this.
    const line = Array.from(this.behind);
    for (const tap of line) {
      if (bytes >= this.rules.partBytes) break;
      this.behind.delete(tap);
      if (!tap.isBehind) {
        if (tap.isOver) this.over(tap);
        continue;
      }
      const events = tap.channel.recent(tap.lane.position);
      const part = events && join(events, tap.lane.position, this.filter, this.rules.partBytes, 1)[0];
      if (part) bytes += this.put(tap, part, frames, this.rules.partBytes - bytes);
      else absent ??= tap;
      // To the end of the line, also to be looked at once more for its end.
      if (!part || tap.isBehind || tap.isOver) this.behind.add(tap);
    }
    return { bytes, absent };
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
    const frames: Buffer[] = [];
    const bytes = this.put(tap, part, frames, this.rules.partBytes);
    if (frames.length > 0) this.write(Chunk.join(frames, bytes), Date.now());
  }

  /** @returns the bytes of the frames that were added; the rest of the part is for the next turn */
  private put(tap: Tap, part: Part, frames: Buffer[], most: number): number {
    const { lane } = tap;
    let bytes = 0;
    for (const { sequence, head, tail } of framesOf(part.chunk?.body ?? Buffer.alloc(0))) {
      if (sequence <= lane.position) continue;
      if (bytes >= most) return bytes;
      lane.position = sequence;
      const id = Buffer.from(`id: ${this.vector.cursor()}\n`);
      const own = Buffer.from(`"sequence":${sequence},`);
      frames.push(id, head, own, tail);
      bytes += id.length + head.length + own.length + tail.length;
      this.rules.stats.delivered += 1;
    }
    lane.position = Math.max(lane.position, part.to);
    return bytes;
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
