import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, ids, start, upTo, Watch } from './support/watch.js';

describe('start, watch, steer', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' });
  });
  afterAll(() => server.kill('SIGTERM'));

  const stream = (id: string, headers = {}, query = '') =>
    new Watch(server.url, `/api/executions/${id}/stream${query}`, headers);

  it('runs the example: two agents in parallel and one that joins them', async () => {
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
    // A reconnect at the end is told not to come back.
    expect((await stream(answer.body.id, { 'last-event-id': String(last.id) }).done()).status).toBe(204);
    // The journal's pages say the same as the stream.
    const page = await server.call('GET', `/api/executions/${answer.body.id}/events?limit=1000`);
    expect(page.body.nextAfter).toBeNull();
    expect(page.body.events.map((event: { sequence: number }) => event.sequence)).toEqual(ids(watch.frames));
  });

  it('joins 1…n over random disconnects, for several watchers, with and without types', async () => {
    const id = await server.startExecution(
      start([agent('a', { chunks: 2500, delayMs: 1 }), agent('b', { chunks: 2500, delayMs: 1 })]),
    );
    const follow = async (query: string): Promise<{ ids: number[]; connections: number }> => {
      const seen: number[] = [];
      for (let connections = 1; ; connections += 1) {
        const watch = stream(id, { 'last-event-id': String(seen.at(-1) ?? '') }, query);
        const stopAt = connections <= 70 ? 1 + Math.floor(Math.random() * 60) : Infinity;
        await watch.until((now) => now.ended || now.frames.length >= stopAt, 60_000).catch(() => undefined);
        const over = watch.ended;
        watch.close();
        seen.push(...ids(watch.frames));
        if (over) return { ids: seen, connections };
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

  it('pauses in the middle of a stream: nothing but heartbeats until resume', async () => {
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

  it('cancels a hanging model, and nothing comes after', async () => {
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const watch = await stream(id).until((now) =>
      now.frames.some((frame) => frame.type === 'execution:output'),
    );
    const asked = Date.now();
    expect((await server.call('POST', `/api/executions/${id}/cancel`)).status).toBe(202);
    await watch.done();
    const last = watch.frames.at(-1)!;
    expect(last.type).toBe('execution:cancelled');
    expect(Date.parse(last.data.timestamp) - asked).toBeLessThan(1_000);
    expect((await server.call('POST', `/api/executions/${id}/cancel`)).body.status).toBe('cancelled');
    expect((await server.call('POST', `/api/executions/${id}/resume`)).body.code).toBe('execution_over');
  });

  it('waits for an approval, and fails on a no', async () => {
    const nodes = [
      { id: 'ask', type: 'approval', data: { config: { message: 'Go on?' } } },
      delay('then', 1),
    ];
    const waiting = async () => {
      const id = await server.startExecution(start(nodes, [['ask', 'then']]));
      const watch = await stream(id).until((now) =>
        now.frames.some((frame) => frame.type === 'execution:step'),
      );
      return { id, watch };
    };
    const yes = await waiting();
    expect((await server.call('POST', `/api/executions/${yes.id}/approve`, { comment: 'fine' })).status).toBe(
      202,
    );
    expect((await yes.watch.done()).frames.at(-1)!.data.result.output).toMatchObject({
      approved: true,
      comment: 'fine',
    });
    const no = await waiting();
    expect(
      (await server.call('POST', `/api/executions/${no.id}/approve`, { nodeId: 'ask', approved: false }))
        .status,
    ).toBe(202);
    expect((await no.watch.done()).frames.at(-1)!.data).toMatchObject({
      code: 'approval_rejected',
      nodeId: 'ask',
    });
  });

  it('takes one of several answers given at once, and refuses what says otherwise', async () => {
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

  it('ends a storm of pauses and resumes with what was asked for last', async () => {
    // A person is waited for: it cannot be over before the storm is.
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
    expect(['running', 'paused']).toContain(paused.body.status);
    const turns = watch.frames.filter(({ type }) => /paused|resumed/.test(type)).map(({ type }) => type);
    expect(turns).toEqual(turns.map((_type, index) => `execution:${index % 2 === 0 ? 'paused' : 'resumed'}`));
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
  ])('bounds what one execution can pile up: %s', async (code, nodes) => {
    const id = await server.startExecution(start(nodes, [], { input: 'x'.repeat(10_000) }));
    expect((await stream(id).done()).frames.at(-1)!.data).toMatchObject({ code });
  });

  it('fails an execution with a sentence and a code, and stops what runs beside', async () => {
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

  it('bounds an expression that never ends', async () => {
    const expression = '($f := function($x) { $f($x + 1) }; $f(1))';
    const id = await server.startExecution(
      start([{ id: 'loop', type: 'transform', data: { config: { expression } } }]),
    );
    expect((await stream(id).done()).frames.at(-1)!.data.code).toBe('transform_failed');
  });

  it('keeps limits of tokens and time', async () => {
    const tokens = await server.startExecution(
      start([agent('a', { chunks: 50, delayMs: 0 })], [], { options: { limits: { maxTokens: 5 } } }),
    );
    expect((await stream(tokens).done()).frames.at(-1)!.data.code).toBe('token_limit_exceeded');
    const time = await server.startExecution(
      start([agent('a', { hang: true })], [], { options: { timeoutMs: 200 } }),
    );
    expect((await stream(time).done()).frames.at(-1)!.data.code).toBe('execution_timeout');
  });

  it('starts one execution for 50 posts with one Idempotency-Key', async () => {
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

  it('lists newest first, by page and filter', async () => {
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
    expect((await server.call('GET', '/api/executions?status=never')).body.errors[0]!.path).toBe('status.0');
  });

  it('answers with a problem what is no proper request', async () => {
    const { hostname, port } = new URL(server.url);
    const say = async (text: string): Promise<string> => {
      const socket = connect(Number(port), hostname);
      socket.write(text);
      let answer = '';
      for await (const data of socket) answer += String(data);
      return answer;
    };
    expect(await say('HELLO\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [^]*"code":"malformed_request"/);
    const long = `GET /?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`;
    expect(await say(long)).toMatch(/^HTTP\/1.1 431 [^]*"code":"headers_too_large"/);
    const expecting = 'GET /health/live HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n';
    expect(await say(expecting)).toMatch(/^HTTP\/1.1 417 [^]*"code":"expectation_failed"/);
  });

  it('opens with a ticket, and again while the first stream is open', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 100, delayMs: 3 })]));
    const { body } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    const withTicket = await fetch(new URL(body.url, server.url));
    expect(withTicket.status).toBe(200);
    // An EventSource may come back before the server has noticed that its connection is gone.
    const again = await fetch(new URL(body.url, server.url));
    expect(again.status).toBe(200);
    for (const response of [withTicket, again])
      expect(await response.text()).toContain('event: execution:completed');
  });
});
