import type { EventType, ExecutionEvent } from '@cloutagent/contract';
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { Observable } from 'rxjs';
import type { EventBus } from '../../events/event-bus.js';
import type { RecordedEvent } from '../../events/recorded-event.js';
import type { JournalReader } from '../../journal/journal-reader.js';
import { SseConnection } from '../connection/sse-connection.js';
import { Channel, type ChannelContext, type ChannelLimits } from './channel.js';
import { ChannelLease } from './channel-lease.js';
import { HttpChunk } from '../frames/http-chunk.js';
import { PageCache, type PageLimits } from './page-cache.js';
import { TcpSendQueues } from '../connection/tcp-send-queues.js';
import { StreamStats } from '../stream-stats.js';
import { ExecutionSubscription } from '../single/execution-subscription.js';
import { FlushScheduler } from '../scheduling/flush-scheduler.js';
import type { EventFormat } from '../formats/event-format.js';
import { FormatEncoder, type FormatSession } from '../formats/format-encoder.js';
import { TypeFilter } from '../frames/type-filter.js';

/** A journal in memory that answers some event loop iterations later, as a database does. */
class MemoryJournal {
  readonly events: RecordedEvent[] = [];
  readonly emitter = new EventEmitter();

  async read(
    _id: string,
    after: number,
    options: { types?: readonly EventType[] | undefined; limit: number; bytes: number },
  ): Promise<RecordedEvent[]> {
    await yieldToEventLoop();
    const found: RecordedEvent[] = [];
    let bytes = 0;
    for (const event of this.events.slice(Math.max(0, after))) {
      if (options.types && !options.types.includes(event.type)) continue;
      if (found.length === options.limit || bytes >= options.bytes) break;
      found.push(event);
      bytes += Buffer.byteLength(event.data);
    }
    await yieldToEventLoop();
    return found;
  }

  async newest(): Promise<RecordedEvent | undefined> {
    await yieldToEventLoop();
    return this.events.at(-1);
  }

  async at(_id: string, sequence: number): Promise<RecordedEvent | undefined> {
    await yieldToEventLoop();
    return this.events.find((event) => event.sequence === sequence);
  }

  /** Whether the row of the execution exists. */
  isStored = true;

  async exists(): Promise<boolean> {
    await yieldToEventLoop();
    return this.isStored;
  }

  ofExecution(): Observable<readonly RecordedEvent[]> {
    return new Observable((subscriber) => {
      const listener = (events: RecordedEvent[]) => subscriber.next(events);
      this.emitter.on('events', listener);
      return () => this.emitter.off('events', listener);
    });
  }
}

/** A response whose socket is full while `full` is true. */
class MemoryResponse extends EventEmitter {
  readonly received: number[] = [];
  body = '';
  readonly socket = this;
  readonly req = { method: 'GET' };
  readonly chunkedEncoding = true;
  readonly headersSent = true;
  writableLength = 0;
  full = false;

  write(buffer: Buffer): boolean {
    expect(buffer.toString()).toMatch(/^[1-9a-f][\da-f]*\r\n(?:[^\r]+)\r\n$/);
    this.body += buffer.toString().slice(buffer.indexOf('\n') + 1, -2);
    for (const [, id] of buffer.toString().matchAll(/^id: (\d+)$/gm)) this.received.push(Number(id));
    return !this.full;
  }
}

function contextOf(
  journal: MemoryJournal,
  limits: ChannelLimits & PageLimits,
  onError: (error: unknown) => void,
  scheduler = new FlushScheduler(),
): ChannelContext {
  const stats = new StreamStats();
  const reader = journal as unknown as JournalReader;
  const pages = new PageCache(reader, limits, stats);
  return { bus: journal as unknown as EventBus, journal: reader, pages, scheduler, limits, stats, onError };
}

/** A format with a state, whose events have no frame, one frame or several ones. The frames of some are large. */
const counting: EventFormat<{ seen: number }> = {
  begin: () => ({ seen: 0 }),
  encode: (event, state) => {
    const { sequence, pad } = event as ExecutionEvent & { pad: string };
    state.seen += pad.length;
    return Array.from({ length: sequence % 4 }, (_unused, index) => ({
      event: `part-${index}`,
      data: { seen: state.seen, pad },
    }));
  },
};
const session: FormatSession = {
  name: 'counting',
  format: counting,
  execution: {
    id: 'e',
    projectId: 'demo',
    createdAt: '',
    input: null,
    workflow: { nodes: [], edges: [] },
  },
};

/** Returns the frames of the events after a position in the format. */
function formatted(events: readonly RecordedEvent[], from: number): string {
  const encoder = FormatEncoder.begin(session);
  return events
    .map((event) => ({ event, text: encoder.encode(event) }))
    .filter(({ event }) => event.sequence > from)
    .map(({ text }) => text)
    .join('');
}

type Move =
  | { kind: 'append'; batches: number[]; lost: boolean }
  | { kind: 'wait' }
  | { kind: 'poll' }
  | { kind: 'stall' }
  | { kind: 'drain' }
  | { kind: 'join'; back: number }
  | { kind: 'leave' };
const move: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      batches: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      lost: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'poll' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'stall' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'drain' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), back: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'leave' as const }) },
);

it('every watcher gets events 1…n, however appends, lost notifications, stalls, evictions and reconnects interleave', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(move, { maxLength: 40 }),
      fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 40_000 })),
      fc.constantFrom(100, 400),
      fc.integer({ min: 0, max: 4_000 }),
      fc.boolean(),
      fc.boolean(),
      async (moves, bufferBytes, batchBytes, cacheBytes, isThrottled, isFormatted) => {
        const journal = new MemoryJournal();
        let ms = 0;
        // This clock advances with each reading, so every flush is a long one.
        const scheduler = new FlushScheduler(isThrottled ? () => (ms += 1) : undefined);
        const limits = { bufferBytes, pageBytes: 150, batchBytes, pollMs: 1_000, cacheBytes, reads: 2 };
        const onError = (error: unknown) => {
          throw error;
        };
        const context = contextOf(journal, limits, onError, scheduler);
        const { stats } = context;
        const format = { name: 'counting', begin: () => FormatEncoder.begin(session) };
        const channel = new Channel('e', context, isFormatted ? format : undefined);
        const opened = channel.open();
        const watchers: {
          response: MemoryResponse;
          from: number;
          subscription: ExecutionSubscription;
          connection: SseConnection;
          released: number;
          types: EventType[] | undefined;
          ended: boolean;
          left: boolean;
        }[] = [];
        const append = (count: number, terminal: boolean): RecordedEvent[] => {
          const events = Array.from({ length: count }, (_unused, index): RecordedEvent => {
            const sequence = journal.events.length + 1 + index;
            const type =
              terminal && index === count - 1
                ? 'execution:completed'
                : sequence % 3 === 0
                  ? 'execution:step'
                  : 'execution:output';
            // Some are large enough to be written by themselves.
            const pad = 'x'.repeat(sequence % 17 === 0 ? 9_000 : sequence % 20);
            return { sequence, type, data: JSON.stringify({ sequence, pad }) };
          });
          journal.events.push(...events);
          return events;
        };
        const join = (from: number) => {
          const response = new MemoryResponse();
          const types: EventType[] | undefined =
            isFormatted || watchers.length % 2 === 0 ? undefined : ['execution:step'];
          const watcher = {
            response,
            from,
            types,
            ended: false,
            left: false,
            released: 0,
            subscription: undefined as unknown as ExecutionSubscription,
            connection: undefined as unknown as SseConnection,
          };
          const connection = new SseConnection({
            response: response as unknown as ServerResponse,
            encoder: undefined,
            until: Infinity,
            rules: {
              heartbeatMs: 1e9,
              stallMs: 1e9,
              retryMs: 1,
              batchBytes,
              queues: new TcpSendQueues(),
              stats,
            },
            finish: (error) => {
              if (error) throw error;
              watcher.ended = true;
              connection.close();
            },
          });
          const watch = { established: undefined, release: () => undefined };
          const users = { channel, watch, format: undefined, ready: opened, leases: 1, keepingMany: 1 };
          const lease = new ChannelLease(users, { keepsManyEvents: true }, () => (watcher.released += 1));
          watcher.connection = connection;
          watcher.subscription = new ExecutionSubscription(connection, lease, TypeFilter.of(types), from);
          watcher.subscription.start(HttpChunk.of(': hello\n\n'));
          watchers.push(watcher);
        };
        for (const step of moves) {
          if (step.kind === 'wait') await yieldToEventLoop();
          if (step.kind === 'append')
            for (const count of step.batches) {
              const events = append(count, false);
              if (!step.lost) journal.emitter.emit('events', events);
            }
          if (step.kind === 'poll') channel.onTimer(1e9);
          if (step.kind === 'stall') for (const { response } of watchers) response.full = true;
          if (step.kind === 'drain')
            for (const { response } of watchers) {
              response.full = false;
              response.emit('drain');
            }
          if (step.kind === 'join') {
            await opened;
            join(Math.max(0, journal.events.length - step.back));
          }
          if (step.kind === 'leave' && watchers[0] && !watchers[0].ended) {
            watchers[0].connection.close();
            watchers[0].left = true;
          }
        }
        await opened;
        join(0);
        for (const { response } of watchers) {
          response.full = false;
          response.emit('drain');
        }
        journal.emitter.emit('events', append(2, true));
        for (let n = 0; n < 2_000 && watchers.some(({ ended, left }) => !ended && !left); n += 1) {
          await yieldToEventLoop();
          channel.check();
        }
        for (const { response, from, types, ended, left, released } of watchers) {
          const due = journal.events
            .filter((event) => event.sequence > from && (!types || types.includes(event.type)))
            .map((event) => event.sequence);
          expect(ended || left).toBe(true);
          expect(released).toBe(1);
          if (isFormatted) {
            const expected = `: hello\n\n${formatted(journal.events, from)}`;
            expect(response.body).toBe(left ? expected.slice(0, response.body.length) : expected);
          } else expect(response.received).toEqual(left ? due.slice(0, response.received.length) : due);
        }
        channel.close();
      },
    ),
    { numRuns: 1_000 },
  );
});

describe('a channel whose journal has lost events', () => {
  const END: RecordedEvent = { sequence: 2, type: 'execution:completed', data: '{}' };
  const output = (sequence: number, text = 'x'): RecordedEvent => ({
    sequence,
    type: 'execution:output',
    data: JSON.stringify({ sequence, text }),
  });
  const limits = {
    bufferBytes: 1_000,
    pageBytes: 1_000,
    batchBytes: 400,
    pollMs: 1_000,
    cacheBytes: 0,
    reads: 2,
  };

  /** Opens a channel with one watcher. */
  async function openWatched(events: RecordedEvent[]) {
    const journal = new MemoryJournal();
    journal.events.push(...events);
    let reads = 0;
    const read = journal.read.bind(journal);
    journal.read = (...args) => ((reads += 1), read(...args));
    const errors: string[] = [];
    const onError = (error: unknown) => errors.push((error as Error).message);
    const channel = new Channel('e', contextOf(journal, limits, onError));
    let ended = 0;
    let deleted = 0;
    channel.watchers.add({
      filter: TypeFilter.of(undefined),
      isAt: () => false,
      deliver: () => false,
      wake: () => undefined,
      endWithRetry: () => (ended += 1),
      onDeleted: () => (deleted += 1),
    });
    await channel.open();
    return { journal, channel, errors, reads: () => reads, ended: () => ended, deleted: () => deleted };
  }

  const settle = async () => {
    for (let n = 0; n < 50; n += 1) await yieldToEventLoop();
  };

  it('ends the streams at a gap, and does not read it again and again', async () => {
    const { journal, errors, reads, ended } = await openWatched([output(1), output(2)]);
    // 3 is missing.
    journal.events.push(output(4), output(5));
    const { slice } = journal.events;
    journal.events.slice = (after = 0) =>
      slice.call(journal.events, 0).filter((event) => event.sequence > after);
    journal.emitter.emit('events', [output(4)]);
    await settle();
    expect([reads(), ended(), errors.length]).toEqual([1, 1, 1]);
    expect(errors[0]).toContain('the journal has no event 3, but later ones');
  });

  it.each([
    ['are missing', []],
    ['are different', [output(3, 'y'), output(4, 'y'), output(5)]],
  ])('ends the streams when the newest events %s after an outage', async (_case, instead) => {
    const { journal, channel, errors, ended } = await openWatched([output(1), output(2)]);
    const seen = [output(3), output(4)];
    journal.events.push(...seen);
    journal.emitter.emit('events', seen);
    await channel.verify();
    await settle();
    expect([ended(), errors]).toEqual([0, []]);
    journal.events.splice(2, 2, ...instead);
    await channel.verify();
    await settle();
    expect([ended(), errors.length]).toEqual([1, 1]);
  });

  it.each([
    ['verifies its newest event', [output(1)], (channel: Channel) => channel.verify()],
    ['polls after the end', [output(1), END], (channel: Channel) => void channel.onTimer(10_000_000)],
    ['polls without an event', [], (channel: Channel) => void channel.onTimer(10_000_000)],
    ['reads a page', [output(1), output(2)], (channel: Channel) => void channel.next(0, TypeFilter.of())],
  ])('finds out that its execution was deleted when it %s', async (_case, events, act) => {
    const { journal, channel, errors, ended, deleted } = await openWatched(events);
    await act(channel);
    await settle();
    expect([ended(), deleted(), errors]).toEqual([0, 0, []]);
    journal.events.length = 0;
    journal.isStored = false;
    await act(channel);
    await settle();
    expect([ended(), deleted(), errors]).toEqual([0, 1, []]);
  });
});
