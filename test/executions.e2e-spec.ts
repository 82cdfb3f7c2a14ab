import { readFile } from 'node:fs/promises';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, ids, start, upTo, Watch } from './support/watch.js';

describe('an execution', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' });
  });
  afterAll(() => server.kill('SIGTERM'));

  const stream = (id: string, headers = {}, query = '') =>
    new Watch(server.url, `/api/executions/${id}/stream${query}`, headers);

  it('runs two agents in parallel and one that joins them, and shows the same result everywhere', async () => {
    const example = JSON.parse(await readFile('examples/compare.json', 'utf8')) as object;
    const answer = await server.call('POST', '/api/executions', example);
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(`/api/executions/${answer.body.id}`);
    const watch = await stream(answer.body.id).done();
    expect(watch.established).toMatchObject({ executionId: answer.body.id, id: undefined });
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    const last = watch.frames.at(-1)!;
    expect(last.type).toBe('execution:completed');
    const shown = await server.call('GET', `/api/executions/${answer.body.id}`);
    expect(shown.body).toEqual(last.data.result);
    expect(shown.body).toMatchObject({ status: 'completed', costUSD: 0, lastSequence: watch.frames.length });
    const steps = shown.body.steps as { nodeId: string; status: string; startedAt: string }[];
    expect(steps.map((step) => [step.nodeId, step.status])).toEqual([
      ['pros', 'completed'],
      ['cons', 'completed'],
      ['verdict', 'completed'],
    ]);
    const text = watch.frames
      .filter((frame) => frame.type === 'execution:output' && frame.data.nodeId === 'verdict')
      .map((frame) => frame.data.chunk);
    expect(text.join('')).toBe(shown.body.output);
    const graph = await server.call('GET', `/api/executions/${answer.body.id}/workflow`);
    expect(graph.body).toEqual({
      nodes: ['pros', 'cons', 'verdict'].map((nodeId) => ({ id: nodeId, type: 'agent' })),
      edges: ['pros', 'cons'].map((source) => ({ source, target: 'verdict' })),
    });
    // A reconnect after the terminal event gets 204, so that the client does not reconnect again.
    expect((await stream(answer.body.id, { 'last-event-id': String(last.id) }).done()).status).toBe(204);
    // The pages of the journal hold the same events as the stream.
    const page = await server.call('GET', `/api/executions/${answer.body.id}/events?limit=1000`);
    expect(page.body.nextAfter).toBeNull();
    expect(page.body.events.map((event: { sequence: number }) => event.sequence)).toEqual(ids(watch.frames));
  });

  it('streams 1…n without a hole over random disconnects, to several clients, with and without types', async () => {
    const id = await server.startExecution(
      start([agent('a', { chunks: 2500, delayMs: 1 }), agent('b', { chunks: 2500, delayMs: 1 })]),
    );
    const follow = async (query: string): Promise<{ ids: number[]; connections: number }> => {
      const seen: number[] = [];
      for (let connections = 1; ; connections += 1) {
        const watch = stream(id, { 'last-event-id': String(seen.at(-1) ?? '') }, query);
        const stopAt = connections <= 70 ? 1 + Math.floor(Math.random() * 60) : Infinity;
        await watch.until((now) => now.ended || now.frames.length >= stopAt, 60_000).catch(() => undefined);
        const hasEnded = watch.ended;
        watch.close();
        seen.push(...ids(watch.frames));
        if (hasEnded) return { ids: seen, connections };
      }
    };
    const filter = '?types=execution:output,execution:completed';
    const [one, two, filtered] = await Promise.all([follow(''), follow(''), follow(filter)]);
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect(body.lastSequence).toBeGreaterThan(5000);
    expect(one.connections + two.connections + filtered.connections).toBeGreaterThan(200);
    expect(one.ids).toEqual(upTo(body.lastSequence));
    expect(two.ids).toEqual(upTo(body.lastSequence));
    const whole = await stream(id, {}, filter).done();
    expect(new Set(whole.frames.map((frame) => frame.type))).toEqual(
      new Set(['execution:output', 'execution:completed']),
    );
    expect(filtered.ids).toEqual(ids(whole.frames));
  });

  it('sends only heartbeats between pause and resume', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 300, delayMs: 5 })]));
    const watch = await stream(id).until(
      (now) => now.frames.filter((frame) => frame.type === 'execution:output').length > 20,
    );
    expect((await server.call('POST', `/api/executions/${id}/pause`, { reason: 'lunch' })).status).toBe(202);
    expect((await server.call('POST', `/api/executions/${id}/pause`)).status).toBe(202);
    await watch.until((now) => now.frames.at(-1)?.type === 'execution:paused');
    expect(watch.frames.at(-1)!.data).toMatchObject({ reason: 'lunch' });
    const [events, comments] = [watch.frames.length, watch.comments];
    await watch.until((now) => now.comments >= comments + 3);
    expect(watch.frames.length).toBe(events);
    expect((await server.call('GET', `/api/executions/${id}`)).body.status).toBe('paused');
    expect((await server.call('POST', `/api/executions/${id}/resume`)).status).toBe(202);
    await watch.done();
    expect(watch.frames[events]!.type).toBe('execution:resumed');
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect((await server.call('POST', `/api/executions/${id}/pause`)).status).toBe(409);
  });

  it('ends when it is cancelled while a model hangs', async () => {
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const watch = await stream(id).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:output'),
    );
    expect((await server.call('POST', `/api/executions/${id}/cancel`)).status).toBe(202);
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:cancelled');
    expect((await server.call('POST', `/api/executions/${id}/cancel`)).body.status).toBe('cancelled');
    expect((await server.call('POST', `/api/executions/${id}/resume`)).body.code).toBe('execution_over');
  });

  const waitingForApproval = async () => {
    const nodes = [
      { id: 'ask', type: 'approval', data: { config: { message: 'Continue?' } } },
      delay('then', 1),
    ];
    const id = await server.startExecution(start(nodes, [['ask', 'then']]));
    const watch = await stream(id).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:step'),
    );
    return { id, watch };
  };
  it('continues after an approval', async () => {
    const { id, watch } = await waitingForApproval();
    const answer = await server.call('POST', `/api/executions/${id}/approve`, { comment: 'fine' });
    expect(answer.status).toBe(202);
    expect((await watch.done()).frames.at(-1)!.data.result.output).toMatchObject({
      approved: true,
      comment: 'fine',
    });
  });

  it('fails after a rejection', async () => {
    const { id, watch } = await waitingForApproval();
    const rejection = { nodeId: 'ask', approved: false };
    expect((await server.call('POST', `/api/executions/${id}/approve`, rejection)).status).toBe(202);
    expect((await watch.done()).frames.at(-1)!.data).toMatchObject({
      code: 'approval_rejected',
      nodeId: 'ask',
    });
  });

  it('accepts one of several concurrent answers to an approval and refuses those that contradict it', async () => {
    const id = await server.startExecution(start([{ id: 'ask', type: 'approval', data: { config: {} } }]));
    const watch = await stream(id).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:step'),
    );
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_unused, index) => {
        const approved = index % 2 === 0;
        const { status, body } = await server.call('POST', `/api/executions/${id}/approve`, { approved });
        return { approved, status, code: body.code };
      }),
    );
    const taken = answers.filter(({ status }) => status === 202);
    expect(taken.length).toBeGreaterThan(0);
    expect(new Set(taken.map(({ approved }) => approved)).size).toBe(1);
    for (const { status, code } of answers)
      if (status !== 202)
        expect([409, true]).toEqual([
          status,
          ['already_decided', 'execution_over', 'no_approval_waiting'].includes(code ?? ''),
        ]);
    const last = (await watch.done()).frames.at(-1)!.type;
    expect(last).toBe(taken[0]!.approved ? 'execution:completed' : 'execution:failed');
  });

  it('follows the last request after many concurrent pauses and resumes', async () => {
    // It waits for an approval, so that it cannot end during the requests.
    const nodes = [{ id: 'a', type: 'approval' }, delay('b', 1)];
    const id = await server.startExecution(start(nodes, [['a', 'b']]));
    const watch = await stream(id).until((now) => now.frames.length > 1);
    const ask = (verb: string) => server.call('POST', `/api/executions/${id}/${verb}`);
    for (let round = 0; round < 10; round += 1)
      await Promise.all(['pause', 'resume', 'pause', 'resume', 'pause'].map(ask));
    await ask('pause');
    const paused = await server.call('GET', `/api/executions/${id}`);
    await ask('resume');
    await ask('approve');
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(['running', 'waiting', 'paused']).toContain(paused.body.status);
    const changes = watch.frames.filter(({ type }) => /paused|resumed/.test(type)).map(({ type }) => type);
    expect(changes).toEqual(
      changes.map((_type, index) => `execution:${index % 2 === 0 ? 'paused' : 'resumed'}`),
    );
  });

  it.each([
    [
      'outputs_too_large',
      Array.from({ length: 10 }, (_unused, index) => ({
        id: `n${index}`,
        type: 'transform',
        data: { config: { expression: `$pad('', 900000, 'x')` } },
      })),
    ],
    ['config_too_large', [agent('a', {}, { prompt: '{{input}}'.repeat(1_000) })]],
  ])('fails when it holds too much data: %s', async (code, nodes) => {
    const id = await server.startExecution(start(nodes, [], { input: 'x'.repeat(10_000) }));
    expect((await stream(id).done()).frames.at(-1)!.data).toMatchObject({ code });
  });

  it('fails with a code when a node fails, and cancels its other steps', async () => {
    const id = await server.startExecution(
      start([
        agent('long', { hang: true }),
        { id: 'bad', type: 'transform', data: { config: { expression: '$error("no")' } } },
      ]),
    );
    const watch = await stream(id).done();
    expect(watch.frames.at(-1)!.data).toMatchObject({ code: 'transform_failed', nodeId: 'bad' });
    const { steps, status } = (await server.call('GET', `/api/executions/${id}`)).body;
    expect(status).toBe('failed');
    expect(
      steps.map((step: { nodeId: string; status: string }) => `${step.nodeId} ${step.status}`).toSorted(),
    ).toEqual(['bad failed', 'long cancelled']);
  });

  it('fails when an expression never ends', async () => {
    const expression = '($f := function($x) { $f($x + 1) }; $f(1))';
    const id = await server.startExecution(
      start([{ id: 'loop', type: 'transform', data: { config: { expression } } }]),
    );
    expect((await stream(id).done()).frames.at(-1)!.data.code).toBe('transform_failed');
  });

  it('fails when it exceeds its token limit', async () => {
    const tokens = await server.startExecution(
      start([agent('a', { chunks: 50, delayMs: 0 })], [], { options: { limits: { maxTokens: 5 } } }),
    );
    expect((await stream(tokens).done()).frames.at(-1)!.data.code).toBe('token_limit_exceeded');
  });

  it('fails when it exceeds its time limit', async () => {
    const time = await server.startExecution(
      start([agent('a', { hang: true })], [], { options: { timeoutMs: 200 } }),
    );
    expect((await stream(time).done()).frames.at(-1)!.data.code).toBe('execution_timeout');
  });

  it('is started once by 50 requests with one Idempotency-Key, which refuses another body', async () => {
    const request = start([delay('wait', 1)]);
    const posts = await Promise.all(
      upTo(50).map(() => server.call('POST', '/api/executions', request, { 'idempotency-key': 'once' })),
    );
    expect(new Set(posts.map((post) => post.status))).toEqual(new Set([202]));
    expect(new Set(posts.map((post) => post.body.id)).size).toBe(1);
    const other = await server.call(
      'POST',
      '/api/executions',
      { ...request, input: 'other' },
      { 'idempotency-key': 'once' },
    );
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  });

  it('is listed newest first, by page and by filter', async () => {
    const made: string[] = [];
    for (const tag of ['x', 'y', 'x'])
      made.push(
        await server.startExecution(start([delay('wait', 1)], [], { projectId: 'listed', tags: [tag] })),
      );
    const first = await server.call('GET', '/api/executions?projectId=listed&limit=2');
    const second = await server.call(
      'GET',
      `/api/executions?projectId=listed&limit=2&cursor=${first.body.nextCursor}`,
    );
    const got = [...first.body.executions, ...second.body.executions].map(
      (execution: { id: string }) => execution.id,
    );
    expect(got).toEqual(made.toReversed());
    expect(second.body.nextCursor).toBeNull();
    expect((await server.call('GET', '/api/executions?projectId=listed&tag=y')).body.executions).toHaveLength(
      1,
    );
  });

  it('cannot be listed by an unknown status', async () => {
    expect((await server.call('GET', '/api/executions?status=never')).body.errors[0]!.path).toBe('status.0');
  });

  it('is streamed with a ticket, and again while the first stream is open', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 100, delayMs: 3 })]));
    const { body } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    const withTicket = await fetch(new URL(body.url, server.url));
    expect(withTicket.status).toBe(200);
    // An EventSource may reconnect before the server has noticed that its connection has closed.
    const again = await fetch(new URL(body.url, server.url));
    expect(again.status).toBe(200);
    for (const response of [withTicket, again])
      expect(await response.text()).toContain('event: execution:completed');
  });
});
