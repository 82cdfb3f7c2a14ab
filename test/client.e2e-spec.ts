import { CloutAgent, CloutAgentError, type ConnectionState, SSEClient } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { SignJWT } from 'jose';
import { CuttingProxy } from './support/cutting-proxy.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, start, upTo } from './support/watch.js';

const SECRET = 'secret-of-at-least-32-characters-for-tests';

const outputOf = (events: readonly ExecutionEvent[], nodeId: string): string =>
  events
    .map((event) => (event.type === 'execution:output' && event.nodeId === nodeId ? event.chunk : ''))
    .join('');

async function collect(stream: AsyncIterable<ExecutionEvent>): Promise<ExecutionEvent[]> {
  const events: ExecutionEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('@cloutagent/client against the server', () => {
  let server: Server;
  let client: CloutAgent;

  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      JWT_SECRET: SECRET,
      STREAM_RETRY_MS: '10',
    });
    client = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
  });
  afterAll(() => server.kill('SIGTERM'));

  it('starts one execution per idempotency key, then gets, lists and streams it to the end', async () => {
    const request = start([agent('a', { chunks: 20 })], [], { tags: ['once'] });
    const first = await client.executions.start(request as never, { idempotencyKey: 'once' });
    const again = await client.executions.start(request as never, { idempotencyKey: 'once' });
    expect(again.id).toBe(first.id);
    const states: ConnectionState[] = [];
    const stream = client.executions.stream(first.id, { onState: (state) => states.push(state) });
    expect(stream.state).toEqual({ status: 'idle' });
    const events = await collect(stream);
    expect(events.map((event) => event.sequence)).toEqual(upTo(events.length));
    expect(events.at(-1)?.type).toBe('execution:completed');
    expect(states).toEqual([
      { status: 'connecting', attempt: 1 },
      { status: 'open' },
      { status: 'closed', reason: 'ended' },
    ]);
    const execution = await client.executions.get(first.id);
    expect(outputOf(events, 'a')).toBe(execution.output);
    const page = await client.executions.list({ tag: 'once', status: ['completed', 'failed'] });
    expect(page.executions.map(({ id }) => id)).toEqual([first.id]);
  });

  it('reads events page by page, and streams only the requested types', async () => {
    const { id } = await client.executions.start(start([agent('a', { chunks: 20 })]) as never);
    const all = await collect(client.executions.stream(id));
    const paged: ExecutionEvent[] = [];
    for (let after: number | null = 0; after !== null;) {
      const page: Awaited<ReturnType<typeof client.executions.events>> = await client.executions.events(id, {
        after,
        limit: 7,
      });
      paged.push(...page.events);
      after = page.nextAfter;
    }
    expect(paged).toEqual(all);
    const output = await collect(client.executions.stream(id, { types: ['execution:output'] }));
    expect(output).toEqual(all.filter((event) => event.type === 'execution:output'));
    expect(await collect(client.executions.stream(id, { lastEventId: all.length }))).toEqual([]);
  });

  it('waits for the end of an execution, whatever it is, and stops waiting when the signal aborts', async () => {
    const { id } = await client.executions.start(start([delay('d', 100)]) as never);
    expect(await client.executions.waitForEnd(id)).toMatchObject({ id, status: 'completed' });
    // Returns at once if the execution has ended before.
    expect(await client.executions.waitForEnd(id)).toMatchObject({ id, status: 'completed' });

    const other = await client.executions.start(start([delay('d', 600_000)]) as never);
    const waiting = client.executions.waitForEnd(other.id);
    const aborted = client.executions.waitForEnd(other.id, { signal: AbortSignal.timeout(100) });
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await client.executions.cancel(other.id);
    expect(await waiting).toMatchObject({ id: other.id, status: 'cancelled' });
  });

  it('pauses, resumes, approves and cancels', async () => {
    const approval = { id: 'ok', type: 'approval', data: { config: { message: 'Go on?' } } };
    const { id } = await client.executions.start(start([delay('d', 100), approval], [['d', 'ok']]) as never);
    const seen: string[] = [];
    for await (const event of client.executions.stream(id)) {
      seen.push(event.type);
      if (event.type === 'execution:started') await client.executions.pause(id, { reason: 'wait' });
      if (event.type === 'execution:paused') {
        expect(event.reason).toBe('wait');
        await client.executions.resume(id);
      }
      if (event.type === 'execution:waiting' && event.nodeId === 'ok')
        await client.executions.approve(id, { comment: 'yes' });
    }
    expect(seen).toContain('execution:resumed');
    expect(seen.at(-1)).toBe('execution:completed');

    const other = await client.executions.start(start([delay('d', 60_000)]) as never);
    const stream = client.executions.stream(other.id);
    for await (const event of stream) {
      if (event.type === 'execution:started') await client.executions.cancel(other.id);
      if (event.type === 'execution:cancelled') expect(event.sequence).toBeGreaterThan(1);
    }
    expect(stream.state).toEqual({ status: 'closed', reason: 'ended' });
    await expect(client.executions.pause(other.id)).rejects.toMatchObject({ status: 409 });
  });

  it('lists and answers waits, sends signals, and streams branches', async () => {
    const schema = { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] };
    const constant = (id: string) => ({ id, type: 'transform', data: { config: { expression: `"${id}"` } } });
    const nodes = [
      { id: 'paid', type: 'wait', data: { config: { signal: 'payment' } } },
      { id: 'ask', type: 'approval', data: { config: { message: 'Ship?', schema } } },
      constant('large'),
      constant('small'),
    ];
    const edges = [
      { source: 'paid', target: 'ask' },
      { id: 'big', source: 'ask', target: 'large', when: 'nodes.ask.output.values.amount > 100' },
      { source: 'ask', target: 'small', otherwise: true },
    ];
    const { id } = await client.executions.start({ projectId: 'waits', workflow: { nodes, edges } });
    const ended = client.executions.waitForEnd(id);
    const sent = await client.executions.signal(id, 'payment', { paid: 5 }, { idempotencyKey: 'p' });
    expect(sent).toMatchObject({ executionId: id, name: 'payment' });
    expect(await client.executions.signal(id, 'payment', { paid: 5 }, { idempotencyKey: 'p' })).toEqual(sent);
    const seen: unknown[] = [];
    for await (const event of client.executions.stream(id, {
      types: ['execution:waiting', 'execution:wait-ended', 'execution:branch'],
    })) {
      if (event.type === 'execution:branch') seen.push([event.taken, event.notTaken]);
      else seen.push([event.type, event.kind]);
      if (event.type !== 'execution:waiting' || event.kind !== 'approval') continue;
      const page = await client.waits.list({ projectId: 'waits', kind: ['approval', 'failure'] });
      expect(page.waits).toMatchObject([{ waitId: event.waitId, executionId: id, message: 'Ship?', schema }]);
      const wrong = client.waits.answer(event.waitId, { approved: true, values: { amount: 'x' } });
      await expect(wrong).rejects.toMatchObject({
        code: 'invalid_answer',
        problem: { errors: [{ path: 'values.amount' }] },
      });
      const answer = { approved: true, comment: 'ok', values: { amount: 5 } };
      expect(await client.waits.answer(event.waitId, answer)).toMatchObject({ outcome: 'answered' });
      await expect(client.waits.answer(event.waitId, answer)).rejects.toMatchObject({
        code: 'wait_already_answered',
      });
    }
    expect(seen).toEqual([
      ['execution:waiting', 'signal'],
      ['execution:wait-ended', 'signal'],
      ['execution:waiting', 'approval'],
      ['execution:wait-ended', 'approval'],
      [['edges[2]'], ['big']],
    ]);
    expect(await ended).toMatchObject({ status: 'completed', output: { small: 'small' } });
  });

  it('lists and streams the children of an execution, and runs it again from its failed nodes', async () => {
    const inner = {
      nodes: [
        {
          id: 'odd',
          type: 'transform',
          data: { config: { expression: 'input = 2 ? $error("even") : input' } },
        },
      ],
    };
    const nodes = [
      { id: 'items', type: 'transform', data: { config: { expression: '[1, 2, 3]' } } },
      { id: 'each', type: 'map', data: { config: { items: '{{nodes.items.output}}', workflow: inner } } },
    ];
    const edges = [{ source: 'items', target: 'each' }];
    const { id } = await client.executions.start({ projectId: 'trees', workflow: { nodes, edges } });
    const ends = new Map<string, string>();
    for await (const { executionId, type } of client.executions.watch({ rootId: id }))
      if (/completed|failed|cancelled/.test(type)) ends.set(executionId, type);
    expect(ends.get(id)).toBe('execution:failed');
    const children = await client.executions.list({ parentId: id });
    expect(children.executions.map(({ id: child }) => child).toSorted()).toEqual(
      [...ends.keys()].filter((one) => one !== id).toSorted(),
    );
    expect(children.executions[0]).toMatchObject({ rootId: id, parent: { executionId: id, nodeId: 'each' } });
    const roots = await client.executions.list({ projectId: 'trees' });
    expect(roots.executions.map((one) => one.id)).toEqual([id]);
    const all = await client.executions.list({ projectId: 'trees', children: true });
    expect(all.executions).toHaveLength(ends.size);

    const again = await client.executions.rerun(id, { from: 'failed' }, { idempotencyKey: 'again' });
    expect((await client.executions.rerun(id, { from: 'failed' }, { idempotencyKey: 'again' })).id).toBe(
      again.id,
    );
    const { steps, rerunOf } = await client.executions.waitForEnd(again.id);
    expect([rerunOf, steps.find(({ nodeId }) => nodeId === 'items')?.reusedFrom]).toEqual([id, id]);
    const reruns = await client.executions.list({ rerunOf: id });
    expect(reruns.executions.map((one) => one.id)).toEqual([again.id]);
  });

  it('throws CloutAgentError with the code of the server', async () => {
    const unknownId = '0199c0de-0000-7000-8000-000000000001';
    const stream = client.executions.stream(unknownId);
    await expect(collect(stream)).rejects.toMatchObject({ code: 'not_found', status: 404 });
    expect(stream.state).toMatchObject({
      status: 'closed',
      reason: 'refused',
      error: { code: 'not_found' },
    });
    const stranger = new CloutAgent({ baseUrl: server.url, apiKey: 'not-a-key-of-anybody-here-0123456789' });
    await expect(stranger.executions.list()).rejects.toBeInstanceOf(CloutAgentError);
    await expect(collect(stranger.executions.stream(unknownId))).rejects.toMatchObject({ status: 401 });
    await expect(client.executions.start({} as never)).rejects.toMatchObject({
      code: 'validation_failed',
      problem: { errors: expect.arrayContaining([expect.objectContaining({ path: 'projectId' })]) },
    });
    const { id } = await client.executions.start(start([delay('d', 1)]) as never);
    await expect(collect(client.executions.stream(id, { lastEventId: 999 }))).rejects.toMatchObject({
      code: 'invalid_last_event_id',
      status: 400,
    });
  });

  it('receives the complete output over a network that cuts connections at random', async () => {
    const proxy = await CuttingProxy.start(server.url);
    const through = new CloutAgent({
      baseUrl: proxy.url,
      apiKey: ADMIN_KEY,
      reconnect: { baseMs: 5, maxMs: 20 },
    });
    const { id } = await client.executions.start(start([agent('a', { chunks: 400, delayMs: 1 })]) as never);
    proxy.budget = () => 400 + Math.random() * 12_000;
    const stream = through.executions.stream(id);
    const events = await collect(stream);
    const { output } = await client.executions.get(id);
    expect(proxy.connections).toBeGreaterThan(5);
    expect(events.map((event) => event.sequence)).toEqual(upTo(events.length));
    expect(outputOf(events, 'a')).toBe(output);
    await proxy.close();
  });

  it('watches a project from now on, over a connection that is cut before the first event and at random after it', async () => {
    const proxy = await CuttingProxy.start(server.url);
    const through = new CloutAgent({
      baseUrl: proxy.url,
      apiKey: ADMIN_KEY,
      reconnect: { baseMs: 5, maxMs: 20 },
    });
    const begun = Promise.withResolvers<void>();
    const watch = through.executions.watch('watched', { from: 'now', onEstablished: () => begun.resolve() });
    const seen = new Map<string, number[]>();
    let ended = 0;
    const following = (async () => {
      for await (const event of watch) {
        seen.set(event.executionId, [...(seen.get(event.executionId) ?? []), event.sequence]);
        if (event.type === 'execution:completed' && (ended += 1) === 3) break;
      }
    })();
    await begun.promise;
    // An execution starts and ends while the client is disconnected.
    proxy.freeze();
    const startWatched = (chunks: number) =>
      client.executions.start(
        start([agent('a', { chunks, delayMs: 1 })], [], { projectId: 'watched' }) as never,
      );
    const early = await startWatched(3);
    await collect(client.executions.stream(early.id));
    proxy.budget = () => 2_000 + Math.random() * 12_000;
    proxy.cut();
    const later = await Promise.all([startWatched(200), startWatched(200)]);
    await following;
    for (const { id } of [early, ...later]) {
      const { lastSequence } = await client.executions.get(id);
      expect(seen.get(id)).toEqual(upTo(lastSequence));
    }
    await proxy.close();
  });

  it('detects a silent dead connection, and a slow consumer receives every event', async () => {
    const proxy = await CuttingProxy.start(server.url);
    const through = new CloutAgent({
      baseUrl: proxy.url,
      apiKey: ADMIN_KEY,
      heartbeatMs: 100,
      reconnect: { baseMs: 5 },
    });
    const { id } = await client.executions.start(start([agent('a', { chunks: 300, delayMs: 2 })]) as never);
    const events: ExecutionEvent[] = [];
    const reasons: string[] = [];
    const onState = (state: ConnectionState): void =>
      void (state.status === 'waiting' && reasons.push(state.reason));
    for await (const event of through.executions.stream(id, { onState })) {
      events.push(event);
      if (event.sequence === 50) proxy.freeze();
      if (event.sequence % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(reasons).toContain('The server sent nothing for 250 ms.');
    expect(events.map((event) => event.sequence)).toEqual(upTo(events.length));
    expect(outputOf(events, 'a')).toBe((await client.executions.get(id)).output);
    await proxy.close();
  });

  it('gets a new token when its token expires during a stream', async () => {
    let made = 0;
    const token = (): Promise<string> => {
      made += 1;
      return (
        new SignJWT({ projects: ['demo'], scope: 'executions:read executions:write' })
          .setProtectedHeader({ alg: 'HS256' })
          .setSubject('someone')
          // The server tolerates a clock skew of 5 s, so the first token is valid for 2 s.
          .setExpirationTime(Math.floor(Date.now() / 1000) + (made === 1 ? -3 : 60))
          .sign(new TextEncoder().encode(SECRET))
      );
    };
    const someone = new CloutAgent({ baseUrl: server.url, token, reconnect: { baseMs: 5 } });
    const { id } = await someone.executions.start(start([agent('a', { chunks: 80, delayMs: 50 })]) as never);
    const events = await collect(someone.executions.stream(id));
    expect(made).toBeGreaterThan(1);
    expect(events.map((event) => event.sequence)).toEqual(upTo(events.length));
    expect(events.at(-1)?.type).toBe('execution:completed');
  });

  it('creates, lists and revokes keys, and a revoked key is refused', async () => {
    const request = { name: 'reader', projects: ['demo'], scopes: ['executions:read'] };
    const { id, key } = await client.keys.create(request, { idempotencyKey: 'reader' });
    expect((await client.keys.create(request, { idempotencyKey: 'reader' })).key).toBe(key);
    const reader = new CloutAgent({ baseUrl: server.url, apiKey: key });
    expect(await reader.me()).toMatchObject({ id: `key:${id}`, name: 'reader', scopes: ['executions:read'] });
    await expect(reader.executions.list({ projectId: 'demo' })).resolves.toBeDefined();
    await expect(reader.keys.list()).rejects.toMatchObject({ code: 'insufficient_scope' });
    expect((await client.keys.list()).keys.map((known) => known.id)).toContain(id);
    await client.keys.revoke(id);
    await expect(reader.executions.list()).rejects.toMatchObject({ status: 401 });
  });

  it('calls the handlers of SSEClient', async () => {
    const { id } = await client.executions.start(start([agent('a', { chunks: 50, delayMs: 1 })]) as never);
    const sse = new SSEClient({ baseUrl: server.url, apiKey: ADMIN_KEY });
    let text = '';
    let established = 0;
    const ended = Promise.withResolvers<ConnectionState>();
    sse
      .on('connection:established', (event) => void (established += event.executionId === id ? 1 : 0))
      .on('execution:output', (event) => void (text += event.chunk))
      .on('state', (state) => void (state.status === 'closed' && ended.resolve(state)));
    expect(sse.isConnected()).toBe(false);
    expect(sse.getExecutionId()).toBeNull();
    sse.connect(id);
    expect(sse.getExecutionId()).toBe(id);
    expect(await ended.promise).toEqual({ status: 'closed', reason: 'ended' });
    expect(established).toBe(1);
    expect(text).toBe((await client.executions.get(id)).output);
    sse.disconnect();
    expect(sse.getExecutionId()).toBeNull();
  });
});

it('a stream continues without a gap when the server is killed and restarted on its port', async () => {
  const settings = {
    DATABASE_URL: await createDatabase(),
    DISPATCH_POLL_INTERVAL_MS: '200',
    STREAM_RETRY_MS: '50',
  };
  let server = await Server.start(settings);
  const { port } = new URL(server.url);
  const client = new CloutAgent({
    baseUrl: server.url,
    apiKey: ADMIN_KEY,
    reconnect: { baseMs: 20, maxMs: 200 },
  });
  const { id } = await client.executions.start(
    start(
      [agent('a', { chunks: 150, delayMs: 10 }), agent('b', { chunks: 100, delayMs: 10 })],
      [['a', 'b']],
    ) as never,
  );
  const output = new Map<string, string>();
  const sequences: number[] = [];
  let restarted: Promise<void> | undefined;
  for await (const event of client.executions.stream(id)) {
    sequences.push(event.sequence);
    if (event.type === 'execution:output')
      output.set(event.nodeId, (output.get(event.nodeId) ?? '') + event.chunk);
    // A step that is retried starts again: discard its output so far.
    if (event.type === 'execution:step' && event.status === 'retrying') output.delete(event.nodeId);
    if (event.sequence === 60) {
      await server.kill();
      restarted = Server.start({ ...settings, PORT: port }).then((again) => void (server = again));
    }
  }
  await restarted;
  const { steps, lastSequence } = await client.executions.get(id);
  expect(sequences).toEqual(upTo(lastSequence));
  for (const { nodeId, status, output: expected } of steps)
    if (status === 'completed') expect(output.get(nodeId)).toBe(expected);
  await server.kill('SIGTERM');
});
