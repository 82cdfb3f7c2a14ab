import { isTerminalEvent } from '@cloutagent/contract';
import type { Subscription } from 'rxjs';
import type { EventBus } from '../../events/event-bus.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import type { JournalReader } from '../../journal/journal-reader.js';
import type { BlockRange } from '../frames/block-range.js';
import { joinRanges, type FrameBatch } from '../frames/frame-batch.js';
import type { FrameEncoder } from '../frames/frame-encoder.js';
import type { TypeFilter } from '../frames/type-filter.js';
import { type Flushable, type FlushScheduler, FlushTiming } from '../scheduling/flush-scheduler.js';
import { WheelEntry } from '../scheduling/timer-wheel.js';
import type { StreamStats } from '../stream-stats.js';
import { ChannelEncoder, type ChannelFormat } from './channel-encoder.js';
import type { PageCache } from './page-cache.js';
import { RecentBatchCache } from './recent-batch-cache.js';
import { RecentEvents } from './recent-events.js';
import type { Watcher } from './watcher.js';

/** Most events of one journal read. */
const CATCH_UP_EVENTS = 1_000;
/** Data of the newest event is remembered up to this length. */
const REMEMBERED_LENGTH = 4_096;

/** The newest event, to recognise it in the journal. */
interface NewestEvent {
  type: string;
  length: number;
  /** Undefined for long data. */
  data: string | undefined;
}

export interface ChannelLimits {
  /** Bytes of recent events kept in memory. */
  bufferBytes: number;
  /** Bytes of one journal read. */
  pageBytes: number;
  /** Bytes of one write to a socket. */
  batchBytes: number;
  /** How often a channel without events polls the journal, in ms. */
  pollMs: number;
}

/** The objects that all channels of a process share. */
export interface ChannelContext {
  readonly bus: EventBus;
  readonly journal: JournalReader;
  readonly pages: PageCache;
  readonly scheduler: FlushScheduler;
  readonly limits: ChannelLimits;
  readonly stats: StreamStats;
  readonly onError: (error: unknown, executionId: string) => void;
}

/**
 * The state that all watchers of one execution share in this process: one listener on the bus, the recent events, and
 * one joined buffer per flush for all watchers with the same filter.
 */
export class Channel extends WheelEntry implements Flushable {
  readonly watchers = new Set<Watcher>();
  /** The last sequence known here. All events up to it are in the journal. */
  position = 0;
  /** The sequence of the terminal event, once it is known. */
  end: number | undefined;
  readonly timing = new FlushTiming();
  private lastFlush = performance.now();
  private readonly recentEvents: RecentEvents;
  private readonly batches: RecentBatchCache;
  private readonly subscription: Subscription;
  private isOpen = false;
  /** Whether the execution was deleted. Its streams have ended, or end as soon as they are open. */
  isDeleted = false;
  /** Events since the last flush. */
  private readonly unflushed: BlockRange[] = [];
  private unflushedBytes = 0;
  private reading: Promise<void> | undefined;
  private newest: NewestEvent | undefined;
  /** Until it can encode the newest events, streams read pages. */
  private readonly encoder: ChannelEncoder;
  private priming: Promise<void> | undefined;
  private isClosed = false;
  /** Whether the next flush wakes streams for events that are not in memory. */
  private isWakeDue = false;

  /** @param format undefined for the format of this server */
  constructor(
    readonly executionId: string,
    private readonly context: ChannelContext,
    format?: ChannelFormat,
  ) {
    super();
    this.encoder = new ChannelEncoder(executionId, context, format);
    const { bus, limits } = context;
    this.recentEvents = new RecentEvents(limits.bufferBytes, limits.batchBytes);
    this.batches = new RecentBatchCache(this.recentEvents, limits.bufferBytes);
    // Subscribe before `open` reads the journal, so that no event in between is missed.
    this.subscription = bus.ofExecution(executionId).subscribe((events) => this.receive(events));
  }

  /**
   * Reads the journal's present position. Resolves once `position` is valid.
   * @param committed the position, if this process runs the execution: then it need not be read
   */
  async open(committed?: number): Promise<void> {
    if (committed !== undefined) {
      this.isOpen = true;
      this.position = committed;
      this.startPriming();
      return;
    }
    const newest = await this.context.journal.newest(this.executionId);
    if (!this.isOpen) {
      this.isOpen = true;
      this.position = Math.max(this.position, newest?.sequence ?? 0);
    }
    if (newest && isTerminalEvent(newest.type)) this.end = newest.sequence;
    this.startPriming();
  }

  close(): void {
    this.isClosed = true;
    this.subscription.unsubscribe();
  }

  /** Whether the client of a stream at this position has to act before there are more frames. */
  isIdleAt(position: number): boolean {
    return position === this.position && this.encoder.isIdleAfter(position);
  }

  /**
   * Returns an encoder of the channel's format for the event after a position.
   * @returns undefined if the channel has no format, or the execution was deleted
   */
  encoderAfter(position: number): Promise<FrameEncoder | undefined> {
    return this.encoder.after(position);
  }

  /** Sets how many bytes of recent events are kept from now on. */
  keepRecent(bytes: number): void {
    this.context.stats.evicted += this.recentEvents.resize(bytes);
  }

  /** Returns the next events after a position, as many as make one write; undefined if they are not in memory. */
  recent(position: number, filter: TypeFilter): FrameBatch | undefined {
    return this.batches.after(position, filter);
  }

  /**
   * Returns the next events after a position, as many as make one write: at once if they are in memory, otherwise from the
   * journal.
   * @param position less than the channel's position
   */
  next(position: number, filter: TypeFilter): FrameBatch | Promise<FrameBatch> {
    return this.batches.after(position, filter) ?? this.nextPage(position, filter);
  }

  /** Ends the streams of the execution, because it was deleted. */
  drop(): void {
    this.isDeleted = true;
    // A copy, because a stream that ends removes itself.
    for (const watcher of Array.from(this.watchers)) watcher.onDeleted();
  }

  /**
   * Reads new events from the journal, because another process may have recorded some.
   * @param sequence of an event that is known to be in the journal; Infinity if none is known
   */
  check(sequence = Infinity): void {
    if (this.end !== undefined || !this.isOpen || sequence <= this.position) return;
    this.reading ??= this.catchUp(sequence !== Infinity)
      .catch((error: unknown) => this.context.onError(error, this.executionId))
      .finally(() => (this.reading = undefined));
  }

  /**
   * Checks after an outage that the journal still has the newest event. The database may be another one now that lacks the
   * newest events. Then events that were sent do not count any more, and all streams end. Otherwise reads new events.
   */
  async verify(): Promise<void> {
    const { position, newest } = this;
    if (!this.isOpen || position === 0) return;
    try {
      const stored = await this.context.journal.at(this.executionId, position);
      const isSame =
        stored !== undefined &&
        (!newest ||
          (stored.type === newest.type &&
            stored.data.length === newest.length &&
            (newest.data ?? stored.data) === stored.data));
      if (isSame) this.check();
      else if (!(await this.context.journal.exists(this.executionId))) this.drop();
      else this.abandon(`event ${position}, which was sent to watchers, is not in the journal any more`);
    } catch (error) {
      this.context.onError(error, this.executionId);
    }
  }

  /**
   * Polls the journal, because a notification is lost if its process dies before it is sent. Of an execution that has ended
   * or has no event it checks that it still exists.
   */
  override onTimer(now: number): number {
    const { pollMs } = this.context.limits;
    this.startPriming();
    if (this.end !== undefined) {
      this.checkExists().catch((error: unknown) => this.context.onError(error, this.executionId));
      return pollMs;
    }
    const quietMs = now - this.lastFlush;
    if (quietMs < pollMs) return pollMs - quietMs;
    this.batches.clear();
    this.check();
    return pollMs;
  }

  /** Whether half a write has been collected. The other half is left for events of the same event loop iteration. */
  get isFull(): boolean {
    return this.unflushedBytes * 2 >= this.context.limits.batchBytes;
  }

  /** Writes the events since the last flush, with one buffer for all watchers that are up to date and have the same filter. */
  flush(now: number): void {
    const ranges = this.unflushed.splice(0);
    if (this.isWakeDue) {
      this.isWakeDue = false;
      this.wakeAll();
    }
    if (ranges.length === 0) return;
    this.unflushedBytes = 0;
    this.lastFlush = now;
    const from = ranges[0]!.first - 1;
    const { batchBytes } = this.context.limits;
    // Most channels have watchers with one filter, and many have one watcher: they need no map.
    let key: string | undefined;
    let batches: readonly FrameBatch[] = [];
    let others: Map<string, readonly FrameBatch[]> | undefined;
    for (const watcher of this.watchers) {
      if (!watcher.isAt(from)) {
        watcher.wake();
        continue;
      }
      const { filter } = watcher;
      if (filter.key !== key) {
        if (key !== undefined) (others ??= new Map()).set(key, batches);
        key = filter.key;
        batches = others?.get(key) ?? joinRanges(ranges, from, filter, batchBytes);
      }
      for (const batch of batches) if (!watcher.deliver(batch, now)) break;
    }
  }

  private receive(events: readonly RecordedEvent[]): void {
    if (!this.isOpen) {
      // `open` is still reading the position. Published events are committed, so the journal has all events before these.
      this.position = Math.max(this.position, events[0]!.sequence - 1);
      this.isOpen = true;
    }
    for (const event of events) {
      if (event.sequence <= this.position) continue;
      if (event.sequence > this.position + 1) {
        // A gap: another process has recorded the events in between. The journal has them.
        this.check(event.sequence);
        return;
      }
      this.add(event);
    }
  }

  private add(event: RecordedEvent): void {
    if (!this.encoder.canEncode(event)) {
      this.skip(event);
      return;
    }
    const frame = this.encode(event);
    if (frame === undefined) return;
    const { scheduler, stats } = this.context;
    const latest = this.unflushed.at(-1);
    const latestBytes = latest?.bytes ?? 0;
    const range = this.recentEvents.push(event, latest, frame);
    const wasFull = this.isFull;
    this.unflushedBytes += range === latest ? range.bytes - latestBytes : range.bytes;
    if (range !== latest) this.unflushed.push(range);
    stats.evicted += this.recentEvents.drop();
    this.remember(event);
    if (!latest || (this.isFull && !wasFull)) scheduler.add(this);
  }

  /** @returns undefined if the format has failed; then its streams end */
  private encode(event: RecordedEvent): string | undefined {
    try {
      return this.encoder.encode(event);
    } catch (error) {
      this.remember(event);
      this.endAll(error);
      return undefined;
    }
  }

  /** Passes over an event that streams read from the journal. */
  private skip(event: RecordedEvent): void {
    this.remember(event);
    this.encoder.hold(event);
    if (this.isWakeDue) return;
    this.isWakeDue = true;
    this.context.scheduler.add(this);
  }

  private startPriming(): void {
    // Before `open` has read the position, the format would begin without the events before it.
    if (!this.isOpen || !this.encoder.needsPriming || this.priming || this.isClosed) return;
    // Streams of an ended execution read pages.
    if (this.end !== undefined) return;
    const position = () => (this.isClosed || this.isDeleted ? undefined : this.position);
    this.priming = this.encoder
      .prime(position, (held) => this.addHeld(held))
      .catch((error: unknown) => this.context.onError(error, this.executionId))
      .finally(() => (this.priming = undefined));
  }

  private addHeld(events: readonly RecordedEvent[]): void {
    for (const event of events) {
      const frame = this.encode(event);
      if (frame === undefined) return;
      this.recentEvents.push(event, undefined, frame);
    }
    this.context.stats.evicted += this.recentEvents.drop();
    this.wakeAll();
  }

  private wakeAll(): void {
    // A copy, because a stream that ends removes itself.
    for (const watcher of Array.from(this.watchers)) watcher.wake();
  }

  private remember({ sequence, type, data }: RecordedEvent): void {
    this.position = sequence;
    this.newest = { type, length: data.length, data: data.length <= REMEMBERED_LENGTH ? data : undefined };
    if (isTerminalEvent(type)) this.end = sequence;
  }

  /** @param isSure whether the journal certainly has new events */
  private async catchUp(isSure: boolean): Promise<void> {
    const { journal, limits } = this.context;
    // Channels that poll at the same time share this query. Only a channel with new events reads a page.
    if (!isSure) {
      const newest = await journal.newest(this.executionId);
      if (!newest) return this.checkExists();
      if (newest.sequence <= this.position) return;
    }
    for (;;) {
      const events = await journal.read(this.executionId, this.position, {
        limit: CATCH_UP_EVENTS,
        bytes: limits.pageBytes,
      });
      if (events.length === 0) return;
      this.receive(events);
      if (this.position >= events.at(-1)!.sequence) continue;
      // Events of one execution are committed in order, so a missing event will never come.
      this.abandon(`the journal has no event ${this.position + 1}, but later ones`);
      return;
    }
  }

  private async checkExists(): Promise<void> {
    if (!this.isDeleted && !(await this.context.journal.exists(this.executionId))) this.drop();
  }

  private async nextPage(position: number, filter: TypeFilter): Promise<FrameBatch> {
    const { pages } = this.context;
    const batch = await pages.next(this.executionId, this.encoder.content ?? filter, position, this.position);
    if (batch) return batch;
    this.drop();
    return { from: position, to: position, chunk: undefined, count: 0 };
  }

  private abandon(reason: string): void {
    this.endAll(new Error(`${reason}; its streams end`));
  }

  private endAll(error: unknown): void {
    this.context.onError(error, this.executionId);
    // A copy, because a stream that ends removes itself.
    for (const watcher of Array.from(this.watchers)) watcher.endWithRetry();
  }
}
