import type { EventType } from '@cloutagent/contract';
import { frame, type ScriptedAnswer, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';
import type { ExecutionStream } from './execution-stream.js';
import { SSEClient } from './sse-client.js';

/** A stream with `types=execution:output,execution:failed`. */
const FILTERED: ScriptedAnswer = {
  chunks: [
    frame(3, 'a'),
    frame(5, 'b'),
    frame(9, '', 'execution:failed', { error: 'no', code: 'cancelled' }),
  ],
};

let server: ScriptedStream;
let client: CloutAgent;
beforeEach(async () => {
  server = await ScriptedStream.start(FILTERED);
  client = new CloutAgent({ baseUrl: server.url });
});
afterEach(() => server.close());

// `npm run check:types` fails if a line that follows `@ts-expect-error` compiles.
describe('TypeScript narrows events to `types`', () => {
  it('in a loop over a stream of one execution', async () => {
    const texts: string[] = [];
    for await (const event of client.executions.stream('x', {
      types: ['execution:output', 'execution:failed'],
    })) {
      texts.push(event.type === 'execution:output' ? event.chunk : event.error);
      // @ts-expect-error The stream has no events of this type.
      expect(event.type === 'execution:step').toBe(false);
    }
    expect(texts).toEqual(['a', 'b', 'no']);
    expect(server.requests[0]!.url).toContain('?types=execution%3Aoutput%2Cexecution%3Afailed');
  });

  it('with a single type, without a check of the type', async () => {
    const stream = client.executions.stream('x', { types: ['execution:output'] });
    for await (const event of stream) {
      expect(event.chunk).toBe('a');
      // @ts-expect-error `result` is a field of execution:completed.
      expect(event.result).toBeUndefined();
      break;
    }
    // A function that takes any stream takes this one.
    const stateOf = (any: ExecutionStream) => any.state.status;
    expect(stateOf(stream)).toBe('closed');
  });

  it('in a loop over a stream of many executions', async () => {
    for await (const event of client.executions.watch('demo', { types: ['execution:output'] })) {
      expect(event.chunk).toBe('a');
      break;
    }
  });

  it('in a handler of SSEClient, which is called before those of the types', async () => {
    const seen: string[] = [];
    const sse = new SSEClient({ baseUrl: server.url });
    const { promise, resolve } = Promise.withResolvers<void>();
    sse
      .on('execution:output', ({ chunk }) => void seen.push(`handler ${chunk}`))
      .on('error', ({ code }) => void seen.push(code))
      .onStateChange(({ status }) => void (status === 'closed' && resolve()));
    sse.connect('x', {
      types: ['execution:output', 'execution:failed'],
      onEvent: (event) => {
        seen.push(event.type === 'execution:output' ? event.chunk : event.error);
        // @ts-expect-error `usage` is a field of execution:token-usage.
        expect(event.usage).toBeUndefined();
        if (event.sequence === 5) throw new Error('reported, and the stream continues');
      },
    });
    await promise;
    expect(seen).toEqual(['a', 'handler a', 'b', 'handler_failed', 'handler b', 'no']);
  });

  it('in a page of events', async () => {
    const page: ScriptedAnswer = {
      headers: { 'content-type': 'application/json' },
      chunks: [
        JSON.stringify({ events: [{ type: 'execution:output', sequence: 3, chunk: 'a' }], nextAfter: null }),
      ],
    };
    const other = await ScriptedStream.start(page);
    const { executions } = new CloutAgent({ baseUrl: other.url });
    const { events } = await executions.events('x', { types: ['execution:output'] });
    expect(events.map(({ chunk }) => chunk)).toEqual(['a']);
    await other.close();
  });

  it('not without `types`, or with types that are known at run time only', async () => {
    const someTypes: EventType[] = ['execution:output'];
    for (const options of [{}, { types: undefined }, { types: someTypes }]) {
      for await (const event of client.executions.stream('x', { lastEventId: 2, ...options })) {
        // @ts-expect-error Only some types have this field.
        expect(event.chunk).toBe('a');
        break;
      }
    }
    // @ts-expect-error There is no such type.
    client.executions.stream('x', { types: ['execution:outputs'] });
  });
});
