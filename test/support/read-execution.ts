import type { EventPage } from '@cloutagent/contract';
import { createParser } from 'eventsource-parser';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SeededRandom } from '../faults/random.ts';
import { ADMIN_KEY, type Server } from './server.js';
import { pathOf } from './watch.js';

export const FORMATS = ['ai-sdk', 'a2a', 'ag-ui', 'openai-responses', 'openai-chat'] as const;
/** Sends all frames of an event again to a client that has some of them. */
const REPEATING: readonly (string | undefined)[] = ['a2a'];

/** What a stream sends: recorded events, all or of some types, or the frames of another format. */
export interface StreamQuery {
  types?: string;
  format?: (typeof FORMATS)[number];
}

/** Compares what was read, once the execution has ended. */
export type Check = () => Promise<void>;

interface SentFrame {
  id: string;
  event: string | undefined;
  data: string;
}

const sequenceOf = (id: string): number => Number(id.split('.')[0]);

/** Collects the frames that have an id. The others greet the client, or open a stream in its middle. */
class FrameReader {
  constructor(private readonly frames: SentFrame[]) {}

  /** Reads a stream to its end. @throws what the connection throws that is cut off */
  async readAll(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
      this.parser.feed(decoder.decode(chunk, { stream: true }));
  }

  private readonly parser = createParser({
    onEvent: ({ id, event, data }) => {
      if (id !== undefined && event !== 'connection:established') this.frames.push({ id, event, data });
    },
  });
}

/**
 * An execution that is read in many ways. Streams that are open from its start, one for each format, say what there is to read.
 */
export class ReadExecution {
  /** Whether its deletion was requested. What is read may then end early. */
  isDeleted = false;
  private readonly seen = new Map<string, SentFrame[]>();
  private readonly witnesses: Promise<void[]>;

  private constructor(
    private readonly name: string,
    readonly id: string,
    steady: Server,
  ) {
    this.witnesses = Promise.all([undefined, ...FORMATS].map((format) => this.watch(steady, format)));
    this.witnesses.catch(() => undefined);
  }

  /** @param steady a process that is not killed */
  static begin(name: string, id: string, steady: Server): ReadExecution {
    return new ReadExecution(name, id, steady);
  }

  /** Waits until the execution has ended and all its frames are known. */
  async whole(): Promise<void> {
    await this.witnesses;
  }

  /**
   * Reads a stream from a random place to the end. When its process is killed, another one continues it.
   */
  async readStream(servers: () => Server, random: SeededRandom, query: StreamQuery): Promise<Check> {
    const known = this.seen.get(query.format ?? '')!;
    const from = random.chance(0.3) ? undefined : known[random.whole(0, known.length)]?.id;
    const frames = await this.receive(servers, query, from);
    return () => this.check(frames, query, from);
  }

  /** Reads a page of events. */
  async readPage(servers: () => Server, random: SeededRandom, types: string | undefined): Promise<Check> {
    const known = this.seen.get('')!.length;
    const after = random.whole(0, known);
    const limit = random.pick([1, 50, 1_000]);
    const filter = types === undefined ? '' : `&types=${types}`;
    const path = `/api/executions/${this.id}/events?after=${after}&limit=${limit}${filter}`;
    for (;;) {
      const answer = await servers()
        .call('GET', path)
        .catch(() => undefined);
      // Its process was killed.
      if (answer) return () => this.checkPage(answer, { after, limit, types });
    }
  }

  /** Opens a stream and reads its beginning. @returns `rest` reads the rest */
  async readHalf(server: Server): Promise<{ half: Promise<void>; rest: () => Promise<Check> }> {
    const response = await this.fetch(server, {}, undefined);
    const frames: SentFrame[] = [];
    const reading = new FrameReader(frames).readAll(response);
    reading.catch(() => undefined);
    const half = (async () => {
      while (frames.length === 0) await nextTurn();
    })();
    const rest = async () => {
      await reading;
      return () => this.check(frames, {}, undefined);
    };
    return { half, rest };
  }

  /** Reads a stream from its beginning and compares it. */
  async expectWhole(server: Server, query: StreamQuery): Promise<void> {
    await this.check(await this.receive(() => server, query, undefined), query, undefined);
  }

  private async watch(server: Server, format: StreamQuery['format']): Promise<void> {
    const frames: SentFrame[] = [];
    this.seen.set(format ?? '', frames);
    const response = await this.fetch(server, format === undefined ? {} : { format }, undefined);
    await new FrameReader(frames).readAll(response);
  }

  private fetch(server: Server, query: StreamQuery, lastEventId: string | undefined): Promise<Response> {
    const path = `${pathOf(this.id)}?${new URLSearchParams({ ...query }).toString()}`;
    return fetch(new URL(path, server.url), {
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
      },
    });
  }

  private async receive(
    servers: () => Server,
    query: StreamQuery,
    from: string | undefined,
  ): Promise<SentFrame[]> {
    let frames: SentFrame[] = [];
    for (let position = from; ; position = frames.at(-1)?.id ?? from) {
      const received: SentFrame[] = [];
      let isCut = false;
      try {
        const response = await this.fetch(servers(), query, position);
        if (response.status === 204) return frames;
        if (response.status === 404 && this.isDeleted) return frames;
        if (response.status !== 200)
          throw new UnexpectedAnswer(`${this.name}: ${response.status} ${await response.text()}`);
        await new FrameReader(received).readAll(response);
      } catch (error) {
        if (error instanceof UnexpectedAnswer) throw error;
        // Its process was killed.
        isCut = true;
      }
      if (REPEATING.includes(query.format) && position?.includes('.') && position !== from)
        frames = frames.filter(({ id }) => sequenceOf(id) !== sequenceOf(position));
      frames.push(...received);
      if (!isCut && (received.length === 0 || this.isDeleted)) return frames;
    }
  }

  private async check(
    frames: readonly SentFrame[],
    { types, format }: StreamQuery,
    from: string | undefined,
  ): Promise<void> {
    await this.witnesses;
    const whole = this.seen.get(format ?? '')!;
    let begin = whole.findIndex(({ id }) => id === from) + 1;
    if (REPEATING.includes(format) && from?.includes('.'))
      begin = whole.findIndex(({ id }) => sequenceOf(id) === sequenceOf(from));
    const expected = whole
      .slice(begin)
      .filter((frame) => types === undefined || types.split(',').includes(frame.event!));
    const wanted = this.isDeleted ? expected.slice(0, frames.length) : expected;
    expect({ name: this.name, types, format, from, frames }).toEqual({
      name: this.name,
      types,
      format,
      from,
      frames: wanted,
    });
  }

  private async checkPage(
    answer: { status: number; body: unknown },
    query: { after: number; limit: number; types: string | undefined },
  ): Promise<void> {
    await this.witnesses;
    if (answer.status === 404 && this.isDeleted) return;
    const { after, limit, types } = query;
    const { events, nextAfter, lastSequence } = answer.body as EventPage;
    const wanted = this.seen
      .get('')!
      .filter((frame) => sequenceOf(frame.id) > after && sequenceOf(frame.id) <= lastSequence)
      .filter((frame) => types === undefined || types.split(',').includes(frame.event!))
      .map(({ data }) => JSON.parse(data) as object);
    const name = `${this.name}, page`;
    // Events that are recorded while the page is read may be on it.
    const page = events.filter(({ sequence }) => sequence <= lastSequence);
    expect({ name, ...query, page }).toEqual({ name, ...query, page: wanted.slice(0, limit) });
    if (wanted.length > limit) expect(nextAfter).toBe(page.at(-1)!.sequence);
  }
}

/** An answer that no reader may get. */
class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}
