import { CloutAgent, CloutAgentError, type ConnectionState, SSEClient } from '@cloutagent/client';
import type { ExecutionEvent } from '@cloutagent/contract';
import { CuttingProxy } from './support/cutting-proxy.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, start, upTo } from './support/watch.js';

const outputOf = (events: readonly ExecutionEvent[], nodeId: string): string =>
  events
    .map((event) => (event.type === 'execution:output' && event.nodeId === nodeId ? event.chunk : ''))
    .join('');

async function collect(stream: AsyncIterable<ExecutionEvent>): Promise<ExecutionEvent[]> {
  const events: ExecutionEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('the client against the server', () => {
  let server: Server;
  let client: CloutAgent;

  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      JWT_SECRET: 'secret-of-at-least-32-characters-for-tests',
      STREAM_RETRY_MS: '10',
    });
    client = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
  });
  afterAll(() => server.kill('SIGTERM'));

  it('starts once with one key, shows, lists and streams to the end', async () => {
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

  it('pages through the events, and streams only some types', async () => {
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
      if (event.type === 'execution:step' && event.nodeId === 'ok' && event.status === 'running')
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

  it('throws one kind of error, with the code of the server', async () => {
    const nobody = '0199c0de-0000-7000-8000-000000000001';
    const stream = client.executions.stream(nobody);
    await expect(collect(stream)).rejects.toMatchObject({ code: 'not_found', status: 404 });
    expect(stream.state).toMatchObject({
      status: 'closed',
      reason: 'refused',
      error: { code: 'not_found' },
    });
    const stranger = new CloutAgent({ baseUrl: server.url, apiKey: 'not-a-key-of-anybody-here-0123456789' });
    await expect(stranger.executions.list()).rejects.toBeInstanceOf(CloutAgentError);
    await expect(collect(stranger.executions.stream(nobody))).rejects.toMatchObject({ status: 401 });
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

  it('has the complete output through a network that cuts at random places', async () => {
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

  it('watches with handlers', async () => {
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
