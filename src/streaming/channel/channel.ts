import { isTerminalEvent } from '@cloutagent/contract';
import type { Subscription } from 'rxjs';
import type { EventBus } from '../../events/event-bus.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import type { JournalReader } from '../../journal/journal-reader.js';
import { BlockRange } from '../frames/frame-block.js';
import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import { RecentBatchCache } from './recent-batch-cache.js';
import { RecentEvents } from './recent-events.js';
import type { StreamStats } from '../stream-stats.js';
import { WheelEntry } from '../scheduling/timer-wheel.js';
import { type Flushable, FlushTiming, type FlushScheduler } from '../scheduling/flush-scheduler.js';
import type { TypeFilter } from '../frames/type-filter.js';

const CATCH_UP_EVENTS = 1_000;

/** Who takes the channel's shared parts. */
export interface Watcher {
  readonly filter: TypeFilter;
  /** Whether it waits for just the events after this position. */
  isAt(position: number): boolean;
  /**
   * Takes a part that begins where it stands.
   * @returns whether it takes the next one too; else it fetches that itself
   */
  deliver(part: FrameBatch, now: number): boolean;
  /** The channel has moved on, but not from where this one is. */
  wake(): void;
  /** Ends with a hint to come back: the journal has lost events that this one may have sent. */
  endWithRetry(): void;
}

/** What a channel remembers of its newest event, to recognise it in the journal. */
interface Newest {
  type: string;
  length: number;
  /** Undefined for a long event: it is not kept for this. */
  data: string | undefined;
}

const KEPT_LENGTH = 4_096;

export interface ChannelLimits {
  ringBytes: number;
  /** Bytes of one journal read. */
  pageBytes: number;
  /** Bytes of one write. */
  partBytes: number;
  /** How often a quiet one looks into the journal. */
  pollMs: number;
}

/**
 * What all watchers of one execution share in this process: one listener on the bus, the recent
 * events encoded once, and one joined buffer a turn for all that want the same types.
 */
export class Channel extends WheelEntry implements Flushable {
  readonly watchers = new Set<Watcher>();
  /** The last sequence known here; everything up to it is in the journal. */
  position = 0;
  /** The terminal event's sequence, once it is known. */
  end: number | undefined;
  readonly timing = new FlushTiming();
  private active = performance.now();
  private readonly ring: RecentEvents;
  private readonly parts: RecentBatchCache;
  private readonly listening: Subscription;
  private opened = false;
  /** What is to be flushed. */
  private readonly fresh: BlockRange[] = [];
  private freshBytes = 0;
  private reading: Promise<void> | undefined;
  private newest: Newest | undefined;

  constructor(
    readonly executionId: string,
    bus: EventBus,
    private readonly journal: JournalReader,
    private readonly turn: FlushScheduler,
    private readonly limits: ChannelLimits,
    private readonly stats: StreamStats,
    private readonly onError: (error: unknown) => void,
  ) {
    super();
    this.ring = new RecentEvents(limits.ringBytes, limits.partBytes);
    this.parts = new RecentBatchCache(this.ring, limits.ringBytes);
    // Listen first, then look where the journal stands: what is published in between is not lost.
    this.listening = bus.ofExecution(executionId).subscribe((events) => this.receive(events));
  }

  /** Kept once `position` is where the journal stands now. */
  async open(): Promise<void> {
    const newest = await this.journal.newest(this.executionId);
    if (!this.opened) {
      this.opened = true;
      this.position = Math.max(this.position, newest?.sequence ?? 0);
    }
    if (newest && isTerminalEvent(newest.type)) this.end = newest.sequence;
  }

  close(): void {
    this.listening.unsubscribe();
  }

  /** Keeps recent events of at most so many bytes from now on. */
  keepRecent(bytes: number): void {
    this.stats.evicted += this.ring.resize(bytes);
  }

  /** Recent events after a position, as many as make a write, if they are still at hand. */
  recent(after: number, filter: TypeFilter): FrameBatch | undefined {
    return this.parts.after(after, filter);
  }

  /**
   * Events may have been recorded elsewhere: reads what is new.
   * @param sequence that they are said to reach
   */
  check(sequence = Infinity): void {
    if (this.end !== undefined || !this.opened || sequence <= this.position) return;
    this.reading ??= this.catchUp(sequence !== Infinity)
      .catch(this.onError)
      .finally(() => (this.reading = undefined));
  }

  /**
   * The database was away, and may be another one now, which lacks the newest events: then nothing that was sent from
   * here counts, and all streams end. Reads what is new otherwise.
   */
  async verify(): Promise<void> {
    const { position, newest } = this;
    if (!this.opened || position === 0) return;
    try {
      const stored = await this.journal.at(this.executionId, position);
      const isSame =
        stored !== undefined &&
        (!newest ||
          (stored.type === newest.type &&
            stored.data.length === newest.length &&
            (newest.data ?? stored.data) === stored.data));
      if (isSame) this.check();
      else this.abandon(`event ${position}, which was sent to watchers, is not in the journal any more`);
    } catch (error) {
      this.onError(error);
    }
  }

  /** A notification may have been lost with the process that was to send it. */
  override onTimer(now: number): number {
    if (this.end !== undefined) return Infinity;
    const { pollMs } = this.limits;
    const quiet = now - this.active;
    if (quiet < pollMs) return pollMs - quiet;
    this.parts.clear();
    this.check();
    return pollMs;
  }

  /** Of half a write: the other half is room for what comes on top in the turn. */
  get isFull(): boolean {
    return this.freshBytes * 2 >= this.limits.partBytes;
  }

  /** Writes what came since the last one: one buffer for all caught-up watchers of the same types. */
  flush(now: number): void {
    const fresh = this.fresh.splice(0);
    if (fresh.length === 0) return;
    this.freshBytes = 0;
    this.active = now;
    const from = fresh[0]!.first - 1;
    // Most channels have watchers of one kind, and many have one watcher.
    let key: string | undefined;
    let parts: readonly FrameBatch[] = [];
    let others: Map<string, readonly FrameBatch[]> | undefined;
    for (const watcher of this.watchers) {
      if (!watcher.isAt(from)) {
        watcher.wake();
        continue;
      }
      const { filter } = watcher;
      if (filter.key !== key) {
        if (key !== undefined) (others ??= new Map()).set(key, parts);
        key = filter.key;
        parts = others?.get(key) ?? joinRanges(fresh, from, filter, this.limits.partBytes);
      }
      for (const part of parts) if (!watcher.deliver(part, now)) break;
    }
  }

  private receive(events: readonly RecordedEvent[]): void {
    if (!this.opened) {
      // open() has yet to read the position. What is published now is committed, so it is this far at least.
      this.position = Math.max(this.position, events[0]!.sequence - 1);
      this.opened = true;
    }
    for (const event of events) {
      if (event.sequence <= this.position) continue;
      if (event.sequence > this.position + 1) {
        // A gap: another process wrote in between. The journal is the truth.
        this.check(event.sequence);
        return;
      }
      this.add(event);
    }
  }

  private add(event: RecordedEvent): void {
    const bytes = this.ring.push(event);
    const block = this.ring.newest!;
    this.position = event.sequence;
    const { length } = event.data;
    this.newest = { type: event.type, length, data: length <= KEPT_LENGTH ? event.data : undefined };
    if (isTerminalEvent(event.type)) this.end = event.sequence;
    const wasFull = this.isFull;
    this.freshBytes += bytes;
    const latest = this.fresh.at(-1);
    if (latest?.block === block) latest.grow();
    else this.fresh.push(BlockRange.ofLast(block, bytes));
    this.stats.evicted += this.ring.drop();
    if (!latest || (this.isFull && !wasFull)) this.turn.add(this);
  }

  private async catchUp(sure: boolean): Promise<void> {
    // Many quiet channels that look share a query; only what has something new reads a page.
    if (!sure && ((await this.journal.newest(this.executionId))?.sequence ?? 0) <= this.position) return;
    for (;;) {
      const events = await this.journal.read(this.executionId, this.position, {
        limit: CATCH_UP_EVENTS,
        bytes: this.limits.pageBytes,
      });
      if (events.length === 0) return;
      this.receive(events);
      if (this.position >= events.at(-1)!.sequence) continue;
      // Events of one execution are committed in order, so what is missing now will never come.
      this.abandon(`the journal has no event ${this.position + 1}, but later ones`);
      return;
    }
  }

  private abandon(reason: string): void {
    this.onError(new Error(`${reason}; its streams end`));
    for (const watcher of this.watchers) watcher.endWithRetry();
  }
}
