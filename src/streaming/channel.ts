import { isTerminalEvent } from '@cloutagent/contract';
import type { Subscription } from 'rxjs';
import type { EventBus } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import type { JournalReader } from '../journal/journal-reader.js';
import { type EncodedEvent, Ring } from './ring.js';
import { encodeEvent } from './sse-frame.js';
import { StreamStats } from './stream-stats.js';
import type { Subscriber } from './subscriber.js';

const CATCH_UP_EVENTS = 1_000;

/**
 * What all subscribers of one execution share in this process: one listener on the bus, the recent
 * events encoded once, and one joined buffer a turn for all that want the same types.
 */
export class Channel {
  readonly subscribers = new Set<Subscriber>();
  /** The last sequence known here; everything up to it is in the journal. */
  position = 0;
  /** The terminal event's sequence, once it is known. */
  end: number | undefined;
  /** When the last event came, ms since the epoch. */
  active = Date.now();
  private readonly ring: Ring;
  private readonly listening: Subscription;
  private opened = false;
  private fresh: EncodedEvent[] = [];
  private flushScheduled = false;
  private reading: Promise<void> | undefined;

  constructor(
    readonly executionId: string,
    bus: EventBus,
    private readonly journal: JournalReader,
    private readonly limits: { ringBytes: number; pageBytes: number },
    private readonly onError: (error: unknown) => void,
    readonly stats = new StreamStats(),
  ) {
    this.ring = new Ring(limits.ringBytes);
    // Listen first, then look where the journal stands: what is published in between is not lost.
    this.listening = bus.ofExecution(executionId).subscribe((events) => this.receive(events));
  }

  /** Kept once `position` is where the journal stands now. */
  async open(): Promise<void> {
    const last = (await this.journal.lastSequences([this.executionId])).get(this.executionId) ?? 0;
    if (!this.opened) {
      this.opened = true;
      this.position = Math.max(this.position, last);
    }
    const [event] = await this.journal.read(this.executionId, last - 1, { limit: 1, bytes: 1 });
    if (event && isTerminalEvent(event.type)) this.end = event.sequence;
  }

  close(): void {
    this.listening.unsubscribe();
  }

  /** Recent events after a position, if they are still at hand. */
  recent(after: number): readonly EncodedEvent[] | undefined {
    return this.ring.after(after);
  }

  /** Events may have been recorded elsewhere: reads what is new. */
  check(): void {
    if (this.end !== undefined || !this.opened) return;
    this.reading ??= this.catchUp()
      .catch(this.onError)
      .finally(() => (this.reading = undefined));
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
        this.check();
        return;
      }
      this.add(event);
    }
  }

  private add(event: RecordedEvent): void {
    const encoded = { sequence: event.sequence, type: event.type, frame: encodeEvent(event) };
    this.position = event.sequence;
    this.active = Date.now();
    if (isTerminalEvent(event.type)) this.end = event.sequence;
    this.stats.evicted += this.ring.push(encoded);
    this.fresh.push(encoded);
    if (!this.flushScheduled) {
      this.flushScheduled = true;
      queueMicrotask(() => this.flush());
    }
  }

  private async catchUp(): Promise<void> {
    for (;;) {
      const events = await this.journal.read(this.executionId, this.position, {
        limit: CATCH_UP_EVENTS,
        bytes: this.limits.pageBytes,
      });
      if (events.length === 0) return;
      this.receive(events);
    }
  }

  /** Writes what came in this turn: one buffer for all caught-up subscribers of the same types. */
  private flush(): void {
    this.flushScheduled = false;
    const fresh = this.fresh;
    this.fresh = [];
    const first = fresh[0]!.sequence;
    const joined = new Map<string, { buffer: Buffer; events: number }>();
    for (const subscriber of this.subscribers) {
      if (!subscriber.isAt(first - 1)) {
        subscriber.wake();
        continue;
      }
      let shared = joined.get(subscriber.filter.key);
      if (!shared) {
        const frames = fresh
          .filter((event) => subscriber.filter.admits(event.type))
          .map((event) => event.frame);
        const buffer = frames.length === 1 ? frames[0]! : Buffer.concat(frames);
        shared = { buffer, events: frames.length };
        joined.set(subscriber.filter.key, shared);
      }
      this.stats.delivered += shared.events;
      subscriber.deliver(shared.buffer, this.position);
    }
  }
}
