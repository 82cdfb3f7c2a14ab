import { frame, type ScriptedAnswer, ScriptedStream } from '../../../test/support/scripted-stream.js';
import { CloutAgent } from './client.js';
import type { ConnectionState } from './connection-state.js';
import { CloutAgentError } from './error.js';
import type { StreamOptions } from './executions.js';
import type { ClientOptions } from './options.js';

const DONE: ScriptedAnswer = { chunks: [frame(1, 'a'), frame(2, '', 'execution:completed')] };
const problem = (status: number, code: string, headers: Record<string, string> = {}): ScriptedAnswer => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  chunks: [JSON.stringify({ type: 'about:blank', title: 'No', status, detail: `Because of ${code}.`, code })],
});

let server: ScriptedStream;
const serve = async (...answers: ScriptedAnswer[]): Promise<void> => {
  server = await ScriptedStream.start(...answers);
};
afterEach(() => server?.close());

function open(options: Partial<ClientOptions> = {}, streamOptions: StreamOptions = {}) {
  const states: ConnectionState[] = [];
  const reconnect = { baseMs: 1, maxMs: 2 };
  const client = new CloutAgent({ baseUrl: server.url, reconnect, ...options });
  const stream = client.executions.stream('x', { onState: (state) => states.push(state), ...streamOptions });
  return { stream, states, statuses: () => states.map(({ status }) => status) };
}

async function read(stream: AsyncIterable<{ sequence: number }>): Promise<number[]> {
  const sequences: number[] = [];
  for await (const { sequence } of stream) sequences.push(sequence);
  return sequences;
}

/** Puts those parts of a page's global object in place that the client uses. */
class Page extends EventTarget {
  visibilityState = 'visible';
  onLine = true;
  private readonly properties = ['addEventListener', 'removeEventListener', 'document', 'navigator'] as const;
  private readonly originals = this.properties.map((name) =>
    Object.getOwnPropertyDescriptor(globalThis, name),
  );

  constructor() {
    super();
    const values = {
      addEventListener: this.addEventListener.bind(this),
      removeEventListener: this.removeEventListener.bind(this),
      document: this,
      navigator: this,
    };
    for (const name of this.properties)
      Object.defineProperty(globalThis, name, { value: values[name], configurable: true, writable: true });
  }

  remove(): void {
    for (const [index, name] of this.properties.entries()) {
      const original = this.originals[index];
      if (original) Object.defineProperty(globalThis, name, original);
      else delete (globalThis as Record<string, unknown>)[name];
    }
  }
}

describe('ExecutionStream: refusals', () => {
  it.each([
    [400, 'invalid_last_event_id'],
    [403, 'insufficient_scope'],
    [404, 'not_found'],
    [401, 'invalid_credentials'],
    [410, 'gone'],
  ])('ends with the server’s code on %i', async (status, code) => {
    await serve(problem(status, code));
    const { stream, states } = open({ apiKey: 'k' });
    const error = await read(stream).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(CloutAgentError);
    expect(error).toMatchObject({ status, code, message: `Because of ${code}.`, problem: { code } });
    expect(states.at(-1)).toEqual({ status: 'closed', reason: 'refused', error });
    expect(server.requests).toHaveLength(1);
    expect(await read(stream)).toEqual([]);
  });

  it('ends without an error on 204', async () => {
    await serve({ status: 204 });
    const { stream } = open();
    expect(await read(stream)).toEqual([]);
    expect(stream.state).toEqual({ status: 'closed', reason: 'ended' });
  });
});

describe('ExecutionStream: credentials', () => {
  it('calls the token callback again after a 401, and continues', async () => {
    await serve(problem(401, 'invalid_credentials'), DONE);
    const tokens = ['old', 'new'];
    const { stream, statuses } = open({ token: () => Promise.resolve(tokens.shift()!) });
    expect(await read(stream)).toEqual([1, 2]);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
    expect(statuses()).toEqual(['connecting', 'open', 'closed']);
  });

  it('ends when the new token is refused too', async () => {
    await serve(problem(401, 'invalid_credentials'));
    let calls = 0;
    const { stream } = open({ token: () => `t${(calls += 1)}` });
    await expect(read(stream)).rejects.toMatchObject({ status: 401 });
    expect(calls).toBe(2);
  });

  it('calls the token callback once for concurrent refused requests, and keeps the new token', async () => {
    await serve(
      problem(401, 'invalid_credentials'),
      problem(401, 'invalid_credentials'),
      problem(401, 'invalid_credentials'),
      { headers: { 'content-type': 'application/json' }, chunks: ['{}'] },
    );
    let calls = 0;
    const client = new CloutAgent({ baseUrl: server.url, token: () => `t${(calls += 1)}` });
    await Promise.all([client.executions.get('a'), client.executions.get('b'), client.executions.get('c')]);
    await client.executions.get('d');
    expect(calls).toBe(2);
  });

  it('retries when the token callback throws, unless it throws a CloutAgentError', async () => {
    await serve(DONE);
    let calls = 0;
    const flaky = (): string => {
      if ((calls += 1) < 3) throw new Error('identity provider is away');
      return 'token';
    };
    const { stream, states } = open({ token: flaky });
    expect(await read(stream)).toEqual([1, 2]);
    expect(states[1]).toMatchObject({ reason: expect.stringContaining('identity provider is away') });
    const signedOut = new CloutAgentError('signed_out', 'Sign in again.');
    await expect(read(open({ token: () => Promise.reject(signedOut) }).stream)).rejects.toBe(signedOut);
  });

  it('keeps the secret out of the error when it is not valid in a header', async () => {
    await serve(DONE);
    const error: unknown = await read(open({ apiKey: 'secret\nkey' }).stream).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_argument' });
    expect((error as Error).message).not.toContain('secret');
  });
});

describe('ExecutionStream: reconnecting', () => {
  it('reconnects after every kind of transient failure', async () => {
    await serve(
      { status: 500 },
      problem(503, 'shutting_down', { 'retry-after': '0' }),
      { status: 502, headers: { 'content-type': 'text/html' }, chunks: ['<h1>Bad Gateway</h1>'] },
      { status: 504, chunks: ['x'], ending: 'cut' },
      { status: 408 },
      { chunks: [frame(1, 'a')], ending: 'cut' },
      { chunks: [frame(2, 'b')], ending: 'end' },
      { chunks: [frame(3, '', 'execution:completed')] },
    );
    const { stream, states } = open();
    expect(await read(stream)).toEqual([1, 2, 3]);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([
      ...Array.from({ length: 6 }, () => undefined),
      '1',
      '2',
    ]);
    const attempts = states.flatMap((state) => (state.status === 'connecting' ? [state.attempt] : []));
    // An event resets the count.
    expect(attempts).toEqual([1, 2, 3, 4, 5, 6, 2, 2]);
  });

  it('waits at least as long as retry: says', async () => {
    await serve({ chunks: ['retry: 300\n\n', frame(1, 'a')] }, DONE);
    const { stream, states } = open();
    expect(await read(stream)).toEqual([1, 2]);
    const waiting = states.find((state) => state.status === 'waiting');
    expect(waiting?.delayMs).toBeGreaterThanOrEqual(300);
    expect(server.requests[1]!.at - server.requests[0]!.at).toBeGreaterThanOrEqual(295);
  });

  it('waits as long as Retry-After says, and reports it in its state', async () => {
    await serve(problem(429, 'too_many_streams', { 'retry-after': '1' }), DONE);
    const { stream, states } = open();
    expect(await read(stream)).toEqual([1, 2]);
    expect(states[1]).toMatchObject({ status: 'waiting', reason: 'Because of too_many_streams.' });
    expect(server.requests[1]!.at - server.requests[0]!.at).toBeGreaterThanOrEqual(995);
  });

  it('replaces a connection that is silent for 2½ heartbeats', async () => {
    await serve({ chunks: [frame(1, 'a')], ending: 'hang' }, DONE);
    const { stream, states } = open({ heartbeatMs: 200 });
    expect(await read(stream)).toEqual([1, 2]);
    expect(states[2]).toMatchObject({ status: 'waiting', reason: 'The server sent nothing for 500 ms.' });
    await server.until(() => server.left === 1);
  });

  it('reconnects when the server accepts the connection and never answers', async () => {
    await serve(DONE);
    let calls = 0;
    const deaf = ((url: string, init: RequestInit) =>
      (calls += 1) === 1 ? new Promise(() => undefined) : fetch(url, init)) as typeof fetch;
    const { stream, states } = open({ heartbeatMs: 200, fetch: deaf });
    expect(await read(stream)).toEqual([1, 2]);
    expect(states[1]).toMatchObject({ status: 'waiting', reason: 'The server sent nothing for 500 ms.' });
  });
});

describe('ExecutionStream: in a page', () => {
  let page: Page;
  beforeEach(() => (page = new Page()));
  afterEach(() => page.remove());

  it('retries rarely while offline, and immediately when online again', async () => {
    await serve({ status: 503 }, DONE);
    page.onLine = false;
    const { stream, states } = open(
      { reconnect: { baseMs: 1, maxMs: 3_600_000 } },
      {
        onState: (state) => {
          states.push(state);
          if (state.status === 'waiting') setImmediate(() => page.dispatchEvent(new Event('online')));
        },
      },
    );
    expect(await read(stream)).toEqual([1, 2]);
    expect(states[1]).toMatchObject({ status: 'waiting', delayMs: 3_600_000 });
  });

  it('respects Retry-After when online again', async () => {
    await serve(problem(503, 'busy', { 'retry-after': '1' }), DONE);
    const { stream } = open(
      {},
      {
        onState: ({ status }) =>
          void (status === 'waiting' && setImmediate(() => page.dispatchEvent(new Event('online')))),
      },
    );
    expect(await read(stream)).toEqual([1, 2]);
    expect(server.requests[1]!.at - server.requests[0]!.at).toBeGreaterThanOrEqual(995);
  });

  it('reconnects without a delay when the network has changed', async () => {
    await serve({ chunks: [frame(1, 'a')], ending: 'hang' }, DONE);
    const { stream, statuses } = open({ reconnect: { baseMs: 3_600_000, maxMs: 3_600_000 } });
    const sequences: number[] = [];
    for await (const { sequence } of stream) {
      sequences.push(sequence);
      if (sequence === 1) setImmediate(() => page.dispatchEvent(new Event('online')));
    }
    expect(sequences).toEqual([1, 2]);
    expect(statuses()).toEqual(['connecting', 'open', 'connecting', 'open', 'closed']);
  });

  it('checks for a dead connection when the page becomes visible', async () => {
    await serve({ chunks: [frame(1, 'a')], ending: 'hang' }, DONE);
    const now = Date.now;
    const { stream } = open({ heartbeatMs: 60_000, reconnect: { baseMs: 3_600_000 } });
    const sequences: number[] = [];
    for await (const { sequence } of stream) {
      sequences.push(sequence);
      if (sequence > 1) continue;
      setImmediate(() => {
        page.dispatchEvent(new Event('visibilitychange'));
        expect(stream.state.status).toBe('open');
        // The computer slept: the clock has advanced, but the timers have not fired.
        Date.now = () => now() + 150_000;
        page.dispatchEvent(new Event('visibilitychange'));
        Date.now = now;
      });
    }
    expect(sequences).toEqual([1, 2]);
  });

  it('removes its listeners from the page once it is closed', async () => {
    await serve(DONE);
    const listening = new Set<string>();
    const count = (
      name: 'addEventListener' | 'removeEventListener',
      onCall: (type: string) => void,
    ): void => {
      const original = page[name].bind(page);
      page[name] = (type: string, listener: (event: Event) => void) => (
        onCall(type),
        original(type, listener)
      );
      if (name in globalThis) Object.assign(globalThis, { [name]: page[name] });
    };
    count('addEventListener', (type) => listening.add(type));
    count('removeEventListener', (type) => listening.delete(type));
    const { stream } = open();
    for await (const event of stream) {
      expect(event.sequence).toBeGreaterThan(0);
      expect([...listening]).toEqual(['online', 'visibilitychange']);
    }
    expect([...listening]).toEqual([]);
  });
});

describe('ExecutionStream: closing', () => {
  const endless: ScriptedAnswer = { chunks: [frame(1, 'a'), frame(2, 'b')], ending: 'hang' };

  it('closes the connection on break', async () => {
    await serve(endless);
    const { stream, states } = open();
    for await (const event of stream) if (event.sequence === 1) break;
    expect(states.at(-1)).toEqual({ status: 'closed', reason: 'disconnected' });
    await server.until(() => server.left === 1);
    expect(await read(stream)).toEqual([]);
  });

  it('is closed as ended after a break at the terminal event', async () => {
    await serve(DONE);
    const { stream, states } = open();
    for await (const event of stream) if (event.type === 'execution:completed') break;
    expect(states.at(-1)).toEqual({ status: 'closed', reason: 'ended' });
  });

  it.each(['close', 'abort'] as const)(
    'ends without an error on %s while it waits for an event',
    async (how) => {
      await serve(endless);
      const controller = new AbortController();
      const { stream, states } = open({}, { signal: controller.signal });
      const sequences: number[] = [];
      for await (const { sequence } of stream) {
        sequences.push(sequence);
        if (sequence === 2) setImmediate(() => (how === 'close' ? stream.close() : controller.abort()));
      }
      expect(sequences).toEqual([1, 2]);
      expect(states.at(-1)).toEqual({ status: 'closed', reason: 'disconnected' });
      await server.until(() => server.left === 1);
    },
  );

  it('ends while it waits to reconnect, and while it waits for the token', async () => {
    await serve({ status: 503 });
    const waiting = open(
      { reconnect: { baseMs: 3_600_000, maxMs: 3_600_000 } },
      {
        onState: ({ status }) => void (status === 'waiting' && setImmediate(() => waiting.stream.close())),
      },
    );
    expect(await read(waiting.stream)).toEqual([]);
    const asking = open({ token: () => new Promise<string>(() => undefined) });
    setImmediate(() => asking.stream.close());
    expect(await read(asking.stream)).toEqual([]);
  });

  it('sends no request when the signal is already aborted, or when it is never read', async () => {
    await serve(endless);
    expect(await read(open({}, { signal: AbortSignal.abort() }).stream)).toEqual([]);
    open().stream.close();
    open();
    expect(server.requests).toHaveLength(0);
  });

  it('yields no more events once it is closed, even if they have arrived', async () => {
    await serve({ chunks: [frame(1, 'a') + frame(2, 'b') + frame(3, 'c')], ending: 'hang' });
    const { stream } = open();
    const sequences: number[] = [];
    for await (const { sequence } of stream) {
      sequences.push(sequence);
      stream.close();
    }
    expect(sequences).toEqual([1]);
  });
});

it('ExecutionStream reads from the socket only as fast as it is consumed', async () => {
  const chunk = 'x'.repeat(100_000);
  const count = 400;
  await serve({
    chunks: Array.from({ length: count }, (_unused, index) => frame(index + 1, chunk)),
    ending: 'hang',
  });
  let bytes = 0;
  const counting: typeof fetch = async (url, init) => {
    const response = await fetch(url, init);
    const counted = new TransformStream<Uint8Array, Uint8Array>(
      {
        transform(part, controller) {
          bytes += part.byteLength;
          controller.enqueue(part);
        },
      },
      undefined,
      { highWaterMark: 0 },
    );
    return new Response(response.body!.pipeThrough(counted), response);
  };
  const { stream } = open({ fetch: counting });
  let mostReadAhead = 0;
  let taken = 0;
  for await (const event of stream) {
    taken += 100_000;
    mostReadAhead = Math.max(mostReadAhead, bytes - taken);
    await new Promise((resolve) => setImmediate(resolve));
    if (event.sequence === count) break;
  }
  expect(taken).toBe(count * 100_000);
  // Of 40 MB, at most a network chunk or two are read ahead.
  expect(mostReadAhead).toBeLessThan(1_000_000);
});

it('ExecutionStream continues when an observer throws, and reports the error', async () => {
  await serve(DONE);
  const reported: unknown[] = [];
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) });
  const fail = (): never => {
    throw new Error('mine');
  };
  expect(await read(open({}, { onState: fail, onEstablished: fail }).stream)).toEqual([1, 2]);
  Reflect.deleteProperty(globalThis, 'reportError');
  expect(reported).toHaveLength(3);
});
