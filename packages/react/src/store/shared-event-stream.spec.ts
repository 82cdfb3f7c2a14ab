import type { CloutAgent, ConnectionState } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { EventEmitter, once } from 'node:events';
import { SharedEventStream } from './shared-event-stream.js';

const event = (sequence: number): ExecutionEvent => ({
  type: 'execution:output',
  sequence,
  executionId: 'x',
  timestamp: '',
  stepId: 's',
  nodeId: 'n',
  chunk: String(sequence),
});
const upTo = (n: number, from = 1) => Array.from({ length: n - from + 1 }, (_unused, index) => from + index);

/** An in-memory journal with the interface of the client: one stream, pages, and failures on demand. */
class Journal {
  readonly streams: number[] = [];
  failuresLeft = 0;
  private readonly events: ExecutionEvent[] = [];
  private readonly grown = new EventEmitter();
  private ended = false;

  readonly client = {
    executions: {
      stream: (
        _id: string,
        options: { lastEventId: number; signal: AbortSignal; onState: (state: ConnectionState) => void },
      ) => this.stream(options),
      events: (_id: string, query: { after: number; limit: number }) => this.page(query),
    },
  } as unknown as CloutAgent;

  append(count: number): void {
    for (let n = 0; n < count; n += 1) this.events.push(event(this.events.length + 1));
    this.grown.emit('change');
  }

  end(): void {
    this.ended = true;
    this.grown.emit('change');
  }

  private async *stream({
    lastEventId,
    signal,
    onState,
  }: {
    lastEventId: number;
    signal: AbortSignal;
    onState: (state: ConnectionState) => void;
  }) {
    this.streams.push(lastEventId);
    onState({ status: 'open' });
    for (let position = lastEventId; !signal.aborted;) {
      const next = this.events[position];
      if (next) {
        position += 1;
        yield next;
      } else if (this.ended) return onState({ status: 'closed', reason: 'ended' });
      else await once(this.grown, 'change', { signal }).catch(() => undefined);
    }
  }

  private async page({ after, limit }: { after: number; limit: number }) {
    await Promise.resolve();
    if (this.failuresLeft > 0) {
      this.failuresLeft -= 1;
      throw new Error('cut');
    }
    return {
      events: this.events.slice(after, after + limit),
      nextAfter: null,
      lastSequence: this.events.length,
    };
  }
}

describe('SharedEventStream', () => {
  let journal: Journal;
  let stream: SharedEventStream;
  beforeEach(() => {
    journal = new Journal();
    stream = new SharedEventStream(journal.client, 'x');
  });
  afterEach(() => stream.close());

  /** Adds a listener; `full` resolves when it has received `count` events. */
  const listen = (count: number, after = 0): { seen: number[]; full: Promise<void>; stop: () => void } => {
    const seen: number[] = [];
    const { promise: full, resolve } = Promise.withResolvers<void>();
    const stop = stream.listen({
      after,
      onEvent: ({ sequence }) => seen.push(sequence) === count && resolve(),
    });
    return { seen, full, stop };
  };

  it('opens one connection for all listeners', async () => {
    const one = listen(10);
    const two = listen(10);
    journal.append(10);
    await Promise.all([one.full, two.full]);
    expect([one.seen, two.seen]).toEqual([upTo(10), upTo(10)]);
    expect(journal.streams).toEqual([0]);
  });

  it('brings late listeners up to date while new events arrive', async () => {
    journal.append(2_500);
    const early = listen(6_000);
    await listen(2_500).full;
    const late = listen(6_000);
    const later = listen(1_000, 5_000);
    journal.failuresLeft = 1;
    const grow = setInterval(() => journal.append(500), 1);
    await Promise.all([early.full, late.full, later.full]);
    clearInterval(grow);
    expect(early.seen.slice(0, 6_000)).toEqual(upTo(6_000));
    expect(late.seen.slice(0, 6_000)).toEqual(upTo(6_000));
    expect(later.seen.slice(0, 1_000)).toEqual(upTo(6_000, 5_001));
    expect(journal.streams).toEqual([0]);
  });

  it('delivers every event to a listener that is added after the end', async () => {
    journal.append(5);
    journal.end();
    await listen(5).full;
    const late = listen(5);
    await late.full;
    expect(late.seen).toEqual(upTo(5));
  });

  it('resumes at its position after reconnect()', async () => {
    const one = listen(8);
    journal.append(4);
    await listen(4).full;
    stream.reconnect();
    journal.append(4);
    await one.full;
    expect(one.seen).toEqual(upTo(8));
    expect(journal.streams).toEqual([0, 4]);
  });

  it('delivers every event to a listener when another listener throws', async () => {
    const thrown: unknown[] = [];
    Object.assign(globalThis, { reportError: (error: unknown) => thrown.push(error) });
    stream.listen({
      onEvent: () => {
        throw new Error('mine');
      },
    });
    const other = listen(3);
    journal.append(3);
    await other.full;
    expect(thrown).toHaveLength(3);
    Reflect.deleteProperty(globalThis, 'reportError');
  });

  it('delivers nothing to a listener that was removed', async () => {
    const one = listen(1);
    const two = listen(3);
    one.stop();
    journal.append(3);
    await two.full;
    expect(one.seen).toEqual([]);
  });
});
