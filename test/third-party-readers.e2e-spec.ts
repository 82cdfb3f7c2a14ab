import { parseJsonEventStream } from '@ai-sdk/provider-utils';
import { applyEvent, ExecutionsStreamData, initialState, StreamData } from '@cloutagent/contract';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { APIError } from 'openai';
import { Stream } from 'openai/streaming';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, start, upTo } from './support/watch.js';

type Data = StreamData | ExecutionsStreamData;

/** Readers that pass on the data of each frame and drop its other lines. */
const READERS: Record<string, (response: Response, isMulti: boolean) => AsyncIterable<Data>> = {
  async *'eventsource-parser'({ body }) {
    const messages = body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { data } of messages) yield JSON.parse(data) as Data;
  },
  "OpenAI's Stream": (response) => openAi(response, 'events'),
  async *"the AI SDK's parseJsonEventStream"({ body }, isMulti) {
    const schema = isMulti ? ExecutionsStreamData : StreamData;
    for await (const result of parseJsonEventStream<Data>({ stream: body!, schema })) {
      if (!result.success) throw result.error;
      yield result.value;
    }
  },
};

const openAi = (response: Response, mode?: 'events'): Stream<Data> =>
  Stream.fromSSEResponse<Data>(response, new AbortController(), undefined, false, mode);

describe('readers of data alone', () => {
  let server: Server;
  let id: string;
  const open = (path: string) =>
    fetch(new URL(path, server.url), { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  const single = () => `/api/executions/${id}/stream`;
  const multi = () => `/api/executions/stream?executionIds=${id}`;

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' });
    id = await server.startExecution(
      start([agent('a', { chunks: 40, delayMs: 10, thinking: 2, failTimes: 1, text: 'é漢🙂\n'.repeat(40) })]),
    );
  });
  afterAll(() => server.kill('SIGTERM'));

  it.each(
    Object.keys(READERS).flatMap((name) =>
      [false, true].map((isMulti) => ({
        name,
        isMulti,
        kind: isMulti ? 'many executions' : 'one execution',
      })),
    ),
  )('$name distinguishes the events of a stream of $kind', async ({ name, isMulti }) => {
    const state = initialState();
    const sequences: number[] = [];
    let output = '';
    let established = 0;
    for await (const data of READERS[name]!(await open(isMulti ? multi() : single()), isMulti)) {
      if (data.type === 'connection:established') {
        established += 1;
        expect(data.sequence).toBe(0);
        continue;
      }
      sequences.push(data.sequence);
      applyEvent(state, data);
      if (data.type === 'execution:output') output += data.chunk;
    }
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect(established).toBe(1);
    expect(sequences).toEqual(upTo(body.lastSequence));
    expect(output).toBe(body.output);
    expect(state).toMatchObject({ status: 'completed', steps: body.steps, tokenUsage: body.tokenUsage });
  });

  // docs/protocol.md warns of this.
  it('OpenAI\'s Stream throws at the first data with an `error`, unless its mode is "events"', async () => {
    const types: string[] = [];
    const read = async (): Promise<void> => {
      for await (const { type } of openAi(await open(single()))) types.push(type);
    };
    await expect(read()).rejects.toBeInstanceOf(APIError);
    expect(types).toEqual(['connection:established', 'execution:started', 'execution:step']);
  });
});
