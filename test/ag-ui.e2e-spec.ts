import { buildResumeArray, HttpAgent, type Message } from '@ag-ui/client';
import { EventSchemas } from '@ag-ui/core/schemas';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

const agentNode = (id: string, config: object = {}, more: object = {}) => ({
  id,
  type: 'agent',
  data: { config: { model: 'openai-compatible/m', prompt: 'Go.', ...config }, ...more },
});
const demo = (id: string, chunks: number, delayMs: number, prompt = `I am ${id}.`) => ({
  id,
  type: 'agent',
  data: { config: { model: 'demo/echo', prompt, providerOptions: { demo: { chunks, delayMs } } } },
});

interface Event {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The client as it is published, which records the events it accepts. */
class Agent extends HttpAgent {
  readonly events: Event[] = [];
  /** Resolves with the next event for which a test waits. */
  private wanted: { test: (event: Event) => boolean; resolve: () => void } | undefined;

  constructor(server: Server, name: string, more: Partial<ConstructorParameters<typeof HttpAgent>[0]> = {}) {
    super({
      url: `${server.url}/api/ag-ui/demo/${name}`,
      headers: { authorization: `Bearer ${ADMIN_KEY}` },
      ...more,
    });
    this.subscribe({
      onEvent: ({ event }) => {
        const plain = event as unknown as Event;
        this.events.push(plain);
        if (this.wanted?.test(plain)) this.wanted.resolve();
      },
    });
  }

  say(text: string): this {
    this.addMessage({ id: `m${this.messages.length}`, role: 'user', content: text });
    return this;
  }

  /** Resolves at the next event of a type. */
  next(type: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.wanted = { test: (event) => event.type === type, resolve };
    return promise;
  }

  types(): string[] {
    return this.events.map(({ type }) => type);
  }

  last(type: string): Record<string, unknown> {
    return this.events.findLast((event) => event.type === type)!;
  }

  get executionId(): string {
    return (this.state as { execution: { id: string } }).execution.id;
  }
}

const textsOf = (messages: readonly Message[]) =>
  messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);

/** A response whose reader can always be cancelled. */
function withSilentCancel(response: Response): Response {
  const reader = response.body!.getReader();
  const body = {
    getReader: () => ({ read: () => reader.read(), cancel: () => reader.cancel().catch(() => undefined) }),
  };
  const { ok, status, headers } = response;
  return { ok, status, headers, body } as unknown as Response;
}

describe('AG-UI', () => {
  let url: string;
  let server: Server;
  let models: FakeModelServer;
  let endpoint: FakeHttpServer;
  const startServer = () =>
    Server.start({
      DATABASE_URL: url,
      OPENAI_COMPATIBLE_BASE_URL: models.url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '20',
      PROCESS_RECONNECT_TIMEOUT_MS: '500',
      SHUTDOWN_TIMEOUT_MS: '1000',
    });
  beforeAll(async () => {
    url = await createDatabase();
    models = await startFakeModelServer();
    endpoint = await startFakeHttpServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"found":1}');
    });
    server = await startServer();
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await models.close();
    await endpoint.close();
  });

  const save = async (name: string, nodes: object[], edges: object[] = [], more: object = {}) => {
    const { status, text } = await server.call('PUT', `/api/workflows/demo/${name}`, {
      workflow: { nodes, edges },
      ...more,
    });
    if (status >= 300) throw new Error(text);
  };
  const inputOf = async (id: string) =>
    (await server.call('GET', `/api/executions/${id}`)).body as unknown as {
      input: Record<string, unknown>;
      status: string;
    };
  /** The executions of a project, newest first. */
  const count = async () =>
    (
      (await server.call('GET', '/api/executions?projectId=demo&limit=100')).body as unknown as {
        executions: object[];
      }
    ).executions.length;
  const post = (name: string, body: object) =>
    server.call('POST', `/api/ag-ui/demo/${name}`, body, { accept: 'text/event-stream' });
  const framesOf = (text: string) =>
    [...text.matchAll(/^data: (.*)\n(?:id: (.*)\n)?/gm)].map(([, data, id]) => ({
      id,
      event: EventSchemas.parse(JSON.parse(data!)) as Record<string, unknown>,
    }));

  it('answers a chat with text, reasoning and usage, and takes the whole conversation as input', async () => {
    await save('chat', [agentNode('answer', { prompt: undefined, messages: '{{input.messages}}' })]);
    models.script({ thinking: ['Let me ', 'think.'], text: ['Good ', 'day.'] }, { text: ['Again.'] });
    const agent = new Agent(server, 'chat', { initialState: { theme: 'dark' } }).say('Hello');
    await agent.runAgent({
      context: [{ description: 'The page', value: 'home' }],
      forwardedProps: { locale: 'en' },
    });
    expect(agent.messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'Hello'],
      ['reasoning', 'Let me think.'],
      ['assistant', 'Good day.'],
    ]);
    expect(agent.state).toEqual({
      theme: 'dark',
      execution: {
        id: expect.any(String) as string,
        status: 'completed',
        progress: { completedSteps: 1, totalSteps: 1, percent: 100 },
        nodes: { answer: 'completed' },
      },
    });
    expect(agent.last('RUN_FINISHED')).toMatchObject({
      result: 'Good day.',
      outcome: { type: 'success' },
      usage: [
        { provider: 'openai-compatible', model: 'm', inputTokens: 10, outputTokens: 5, totalTokens: 15 },
      ],
    });
    expect(agent.last('CUSTOM')).toMatchObject({
      name: 'execution:cost-update',
      value: { totalCostUSD: null },
    });
    const { input } = await inputOf(agent.executionId);
    expect(input).toEqual({
      messages: [{ role: 'user', content: 'Hello' }],
      text: 'Hello',
      threadId: agent.threadId,
      data: {
        state: { theme: 'dark' },
        context: [{ description: 'The page', value: 'home' }],
        tools: [],
        forwardedProps: { locale: 'en' },
      },
    });
    // The next turn sends the answer back, without the reasoning.
    await agent.say('Again?').runAgent();
    expect((await inputOf(agent.executionId)).input['messages']).toEqual([
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: [{ type: 'text', text: 'Good day.' }] },
      { role: 'user', content: 'Again?' },
    ]);
    expect(textsOf(agent.messages)).toEqual(['Good day.', 'Again.']);
  });

  it('gives each protocol the input that the workflow asks for', async () => {
    const text = { id: 'echo', type: 'transform', data: { config: { expression: 'input' } } };
    await save('text', [text], [], { inputSchema: { type: 'string' } });
    const agent = new Agent(server, 'text@1').say('Only this.');
    const { result } = (await agent.runAgent()) as { result: unknown };
    expect(result).toBe('Only this.');
    // The last node has emitted no text, so its output is the answer.
    expect(textsOf(agent.messages)).toEqual(['Only this.']);
  });

  it('shows parallel nodes and subagents as they run, and does not send their work back as the conversation', async () => {
    await save(
      'parallel',
      [
        demo('left', 20, 5),
        {
          id: 'right',
          type: 'subagent',
          data: {
            config: {
              model: 'demo/echo',
              name: 'Right',
              instructions: 'Say it.',
              task: 'The right side.',
              providerOptions: { demo: { chunks: 20, delayMs: 5 } },
            },
          },
        },
        demo('join', 3, 1),
      ],
      [
        { source: 'left', target: 'join' },
        { source: 'right', target: 'join' },
      ],
    );
    const agent = new Agent(server, 'parallel').say('Hello');
    await agent.runAgent();
    const steps = agent.events.filter(({ type }) => type === 'STEP_STARTED');
    expect(steps.map((event) => event['stepName'])).toEqual(['left', 'right', 'join']);
    expect(agent.last('SUBAGENT_STARTED')).toMatchObject({ name: 'right' });
    expect(agent.last('SUBAGENT_FINISHED')).toMatchObject({ outcome: { type: 'success' } });
    // The texts of both sides came at the same time.
    const sides = agent.events
      .filter(({ type }) => type === 'TEXT_MESSAGE_CONTENT')
      .map(({ messageId }) => messageId as string);
    expect(sides.lastIndexOf(sides[0]!)).toBeGreaterThan(sides.findIndex((id) => id !== sides[0]));
    expect(textsOf(agent.messages)).toHaveLength(3);
    const tagged = agent.messages.filter((message) => 'subagentRunId' in message);
    expect(tagged).toHaveLength(1);
    await agent.say('Again').runAgent();
    const { input } = await inputOf(agent.executionId);
    expect((input['messages'] as { role: string }[]).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'user',
    ]);
  });

  it('drops a text that broke off, and shows the one of the next attempt', async () => {
    await save('flaky', [agentNode('answer')]);
    models.script(
      { text: ['Half ', 'of it ', 'lost'], after: 3, ending: 'reset' },
      { text: ['All ', 'of it.'] },
    );
    const agent = new Agent(server, 'flaky').say('Hello');
    await agent.runAgent();
    expect(agent.types()).toContain('MESSAGES_SNAPSHOT');
    expect(textsOf(agent.messages)).toEqual(['All of it.']);
    expect(agent.messages[0]).toMatchObject({ role: 'user', content: 'Hello' });
  });

  it('asks for approvals and continues in the next run, also if the client sends the answer twice', async () => {
    const schema = { type: 'object', properties: { budget: { type: 'number' } }, required: ['budget'] };
    await save(
      'ask',
      [
        demo('draft', 3, 1),
        { id: 'review', type: 'approval', data: { config: { message: 'Send it?', schema } } },
        { id: 'extra', type: 'wait', data: { config: { signal: 'go' } } },
        {
          id: 'send',
          type: 'transform',
          data: {
            config: { expression: '{"budget": nodes.review.output.values.budget, "go": nodes.extra.output}' },
          },
        },
      ],
      [
        { source: 'draft', target: 'review' },
        { source: 'draft', target: 'extra' },
        { source: 'review', target: 'send' },
        { source: 'extra', target: 'send' },
      ],
    );
    const agent = new Agent(server, 'ask').say('Hello');
    await agent.runAgent();
    expect(agent.types().slice(-2)).toEqual(['MESSAGES_SNAPSHOT', 'RUN_FINISHED']);
    expect(agent.state).toMatchObject({ execution: { status: 'waiting' } });
    const ofKind = (kind: string) =>
      agent.pendingInterrupts.find(({ metadata }) => metadata?.['kind'] === kind);
    const [approval, signal] = [ofKind('approval'), ofKind('signal')];
    expect(agent.pendingInterrupts).toHaveLength(2);
    expect(approval).toMatchObject({
      reason: 'confirmation',
      message: 'Send it?',
      responseSchema: { properties: { values: schema } },
    });
    expect(signal).toMatchObject({ reason: 'input_required', metadata: { signal: 'go' } });
    const before = agent.messages.length;

    // New input is refused while the questions are open.
    const other = new Agent(server, 'ask', { threadId: agent.threadId }).say('Never mind');
    await other.runAgent();
    expect(other.last('RUN_ERROR')).toMatchObject({ code: 'interrupts_open' });

    const refused = async (resume: object[]) => {
      const { text } = await post('ask', { threadId: agent.threadId, runId: 'r', messages: [], resume });
      const frames = framesOf(text);
      expect(frames).toHaveLength(1);
      return frames[0]!.event;
    };
    const yes = {
      interruptId: approval!.id,
      status: 'resolved',
      payload: { approved: true, values: { budget: 5 } },
    };
    expect(await refused([yes])).toMatchObject({
      type: 'RUN_ERROR',
      code: 'resume_invalid',
      message: expect.stringContaining(signal!.id) as string,
    });
    expect(await refused([{ ...yes, interruptId: 'x' }])).toMatchObject({ code: 'resume_invalid' });
    const go = { interruptId: signal!.id, status: 'resolved', payload: { now: true } };
    expect(
      await refused([{ ...yes, payload: { approved: true, values: { budget: 'much' } } }, go]),
    ).toMatchObject({
      code: 'invalid_answer',
      message: expect.stringContaining('values.budget') as string,
    });

    const resume = buildResumeArray(agent.pendingInterrupts, {
      [approval!.id]: { status: 'resolved', payload: { approved: true, values: { budget: 5 } } },
      [signal!.id]: { status: 'resolved', payload: { now: true } },
    });
    agent.events.length = 0;
    const { result } = (await agent.runAgent({ resume })) as { result: unknown };
    expect(result).toEqual({ budget: 5, go: { now: true } });
    expect(agent.pendingInterrupts).toEqual([]);
    expect(agent.types().filter((type) => type.startsWith('RUN_'))).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
    expect(agent.messages.length).toBe(before + 1);
    expect(agent.state).toMatchObject({ execution: { status: 'completed', nodes: { review: 'completed' } } });

    // The same answers again give the same run, and another answer is refused.
    const again = await post('ask', { threadId: agent.threadId, runId: 'other', messages: [], resume });
    expect(framesOf(again.text).map(({ event }) => event['type'])).toEqual(agent.types());
    expect(await refused([{ ...yes, payload: { approved: false } }, go])).toMatchObject({
      code: 'wait_already_answered',
    });
  });

  it('asks before it calls a tool, and the person may change the arguments', async () => {
    const tool = {
      name: 'pay',
      description: 'Pays.',
      inputSchema: { type: 'object' },
      http: { method: 'POST', url: `${endpoint.url}/pay` },
      approval: 'always',
    };
    await save('tools', [
      agentNode('clerk', { tools: [tool, { ...tool, name: 'read', approval: 'never' }] }),
    ]);
    models.script(
      {
        text: ['I pay twice.'],
        toolCalls: [
          { name: 'pay', args: { amount: 1 } },
          { name: 'read', args: {} },
          { name: 'pay', args: { amount: 2 } },
        ],
      },
      { text: ['Paid.'] },
    );
    const agent = new Agent(server, 'tools').say('Pay');
    await agent.runAgent();
    const calls = agent.messages.flatMap((message) =>
      message.role === 'assistant' ? (message.toolCalls ?? []) : [],
    );
    expect(calls.map(({ function: { name } }) => name)).toEqual(['pay', 'read', 'pay']);
    expect(agent.types().filter((type) => type === 'RUN_FINISHED')).toHaveLength(1);
    const [first, second] = agent.pendingInterrupts;
    expect([first, second].map((each) => [each!.reason, each!.toolCallId])).toEqual([
      ['tool_call', calls[0]!.id],
      ['tool_call', calls[2]!.id],
    ]);
    await agent.runAgent({
      resume: buildResumeArray(agent.pendingInterrupts, {
        [first!.id]: { status: 'resolved', payload: { approved: true, editedArgs: { amount: 7 } } },
        [second!.id]: { status: 'cancelled' },
      }),
    });
    expect(
      endpoint.requests.filter(({ path }) => path === '/pay').map(({ body }) => JSON.parse(body) as object),
    ).toEqual([{}, { amount: 7 }]);
    expect(agent.messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
      'assistant',
    ]);
    const denied = agent.messages.find(
      (message) => message.role === 'tool' && message.toolCallId === calls[2]!.id,
    );
    expect(denied).toMatchObject({
      metadata: { isError: true },
      content: expect.stringContaining('denied') as string,
    });
    expect(textsOf(agent.messages)).toEqual(['I pay twice.', 'Paid.']);
    // The next turn has the calls and their results, as providers want them.
    models.script({ text: ['Yes.'] });
    await save('tools', [agentNode('clerk', { prompt: undefined, messages: '{{input.messages}}' })]);
    await agent.say('Really?').runAgent();
    expect(agent.last('RUN_FINISHED')).toMatchObject({ outcome: { type: 'success' } });
    const { messages } = models.requests.at(-1)!.body as { messages: { role: string }[] };
    expect(messages.map(({ role }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
      'assistant',
      'user',
    ]);
  });

  it('keeps the stream while only a timer is open', async () => {
    await save(
      'timer',
      [{ id: 'pause', type: 'delay', data: { config: { ms: 1_200 } } }, demo('after', 2, 1)],
      [{ source: 'pause', target: 'after' }],
    );
    const agent = new Agent(server, 'timer').say('Hello');
    await agent.runAgent();
    expect(agent.types().filter((type) => type.startsWith('RUN_'))).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
    expect(agent.events).toContainEqual(
      expect.objectContaining({
        type: 'CUSTOM',
        name: 'execution:waiting',
        value: expect.objectContaining({ kind: 'timer' }) as object,
      }),
    );
  });

  it('continues where the client left, also if a timer has continued the execution meanwhile', async () => {
    await save(
      'meanwhile',
      [
        { id: 'ask', type: 'approval', data: { config: {} } },
        { id: 'pause', type: 'delay', data: { config: { ms: 1_200 } } },
        demo('later', 3, 1),
        { id: 'end', type: 'transform', data: { config: { expression: '"The end."' } } },
      ],
      [
        { source: 'pause', target: 'later' },
        { source: 'later', target: 'end' },
        { source: 'ask', target: 'end' },
      ],
    );
    const agent = new Agent(server, 'meanwhile').say('Hello');
    await agent.runAgent();
    expect(agent.pendingInterrupts).toHaveLength(1);
    // A page that is loaded later sees the run after the timer too.
    const path = `/api/ag-ui/demo/meanwhile/${agent.threadId}/stream`;
    await until(
      'the branch of the timer has run',
      async () => (await server.call('GET', path)).text.split('RUN_FINISHED').length === 3,
    );
    const resume = agent.pendingInterrupts.map(({ id }) => ({
      interruptId: id,
      status: 'resolved' as const,
    }));
    agent.events.length = 0;
    await agent.runAgent({ resume });
    expect(agent.types().filter((type) => type.startsWith('RUN_'))).toHaveLength(4);
    const later = agent.messages.filter(({ id }) => id.startsWith('work-'));
    expect(later).toHaveLength(1);
    expect(agent.messages.at(-1)).toMatchObject({ content: 'The end.' });
    expect(agent.pendingInterrupts).toEqual([]);
    // That page answers the second run, and gets only what follows.
    const [, second] = framesOf((await server.call('GET', path)).text)
      .map(({ event }) => event)
      .flatMap(({ outcome }) => (outcome as { interrupts?: { id: string }[] } | undefined)?.interrupts ?? [])
      .map(({ id }) => id);
    const answer = { ...resume[0], interruptId: second };
    const rest = await post('meanwhile', {
      threadId: agent.threadId,
      runId: 'r',
      messages: [],
      resume: [answer],
    });
    expect(framesOf(rest.text).filter(({ event }) => event['type'] === 'RUN_STARTED')).toHaveLength(1);
  });

  it('ends as cancelled when the thread is cancelled, and only closes the connection on abortRun', async () => {
    await save('long', [demo('answer', 500, 20)]);
    const agent = new Agent(server, 'long', { threadId: 'a thread/1' }).say('Hello');
    const text = agent.next('TEXT_MESSAGE_CONTENT');
    const run = agent.runAgent();
    await text;
    agent.abortRun();
    await run;
    expect((await inputOf(agent.executionId)).status).toBe('running');
    const watch = new Agent(server, 'long', { threadId: 'a thread/1' });
    const path = `/api/ag-ui/demo/long/${encodeURIComponent('a thread/1')}`;
    watch.url = `${server.url}${path}/stream`;
    const seen = watch.next('TEXT_MESSAGE_CONTENT');
    // A page that was loaded again opens the stream with GET, and gets the messages of the request too.
    watch.fetch = (address) => fetch(address, { headers: watch.headers });
    const replay = watch.runAgent();
    await seen;
    const { status } = await server.call('POST', `${path}/cancel`);
    expect(status).toBe(202);
    await replay;
    expect(watch.last('RUN_FINISHED')).toMatchObject({ outcome: { type: 'cancelled' } });
    expect(watch.messages[0]).toEqual({ id: 'm0', role: 'user', content: 'Hello' });
    expect(watch.messages.at(-1)).toMatchObject({ metadata: { incomplete: true } });
    expect((await server.call('POST', `${path}/cancel`)).status).toBe(202);
    expect((await server.call('POST', `/api/ag-ui/demo/long/unknown/cancel`)).body).toMatchObject({
      type: 'RUN_ERROR',
      code: 'not_found',
    });
  });

  it('reports failures with their code', async () => {
    await save('boom', [
      { id: 'boom', type: 'transform', data: { config: { expression: '$error("boom")' } } },
    ]);
    const agent = new Agent(server, 'boom').say('Hello');
    await agent.runAgent();
    expect(agent.last('RUN_ERROR')).toMatchObject({
      code: 'transform_failed',
      message: expect.stringContaining('boom') as string,
      metadata: { nodeId: 'boom' },
    });
  });

  it('starts a run id once, and streams the first run again', async () => {
    await save('once', [demo('answer', 3, 1)]);
    const before = await count();
    const body = { threadId: 't', runId: 'same', messages: [{ id: 'm', role: 'user', content: 'Hello' }] };
    const [first, second] = await Promise.all([post('once', body), post('once', body)]);
    expect(framesOf(first.text)).toEqual(framesOf(second.text));
    expect(framesOf((await post('once', body)).text)).toEqual(framesOf(first.text));
    expect(await count()).toBe(before + 1);
    const changed = await post('once', { ...body, messages: [] });
    expect([changed.status, changed.body]).toMatchObject([
      422,
      { type: 'RUN_ERROR', code: 'idempotency_key_reused', message: expect.any(String) as string },
    ]);
  });

  it('gives the same events on the stream of the execution, cut anywhere and continued by Last-Event-ID', async () => {
    await save('replay', [demo('answer', 6, 1)]);
    const agent = new Agent(server, 'replay').say('Hello');
    await agent.runAgent();
    const get = async (lastEventId?: string) => {
      const path = `/api/executions/${agent.executionId}/stream?format=ag-ui`;
      return server.call('GET', path, undefined, lastEventId ? { 'last-event-id': lastEventId } : {});
    };
    const frames = framesOf((await get()).text);
    expect(frames.map(({ event }) => event)).toEqual(agent.events);
    for (const [index, { id }] of frames.slice(0, -1).entries())
      expect(framesOf((await get(id)).text)).toEqual(frames.slice(index + 1));
  });

  it('refuses wrong requests in the form of the protocol', async () => {
    const wrong = await post('chat', { threadId: 't', runId: 'r', messages: [{ id: 'm', role: 'robot' }] });
    expect([wrong.status, wrong.body]).toMatchObject([
      400,
      { type: 'RUN_ERROR', code: 'validation_failed', errors: [{ path: 'messages.0.role' }] },
    ]);
    const body = { threadId: 't', runId: 'r', messages: [] };
    expect((await post('nothing', body)).body).toMatchObject({ type: 'RUN_ERROR', code: 'not_found' });
    expect((await post('a@b@c', body)).body).toMatchObject({ type: 'RUN_ERROR', code: 'not_found' });
    expect(
      (await post('chat', { ...body, resume: [{ interruptId: 'x', status: 'cancelled' }] })).text,
    ).toContain('resume_invalid');
    const headers = { authorization: 'Bearer wrong' };
    expect((await server.call('POST', '/api/ag-ui/demo/chat', body, headers)).body).toMatchObject({
      type: 'RUN_ERROR',
      code: 'invalid_credentials',
    });
    const key = await server.call('POST', '/api/keys', {
      name: 'w',
      projects: ['other'],
      scopes: ['executions:write', 'executions:read'],
    });
    const other = { authorization: `Bearer ${(key.body as unknown as { key: string }).key}` };
    expect((await server.call('POST', '/api/ag-ui/demo/chat', body, other)).status).toBe(404);
  });

  it('has a page whose code runs', async () => {
    await save('support', [agentNode('answer', { prompt: undefined, messages: '{{input.messages}}' })]);
    const review = { id: 'review', type: 'approval', data: { config: { message: 'May this go out?' } } };
    const publish = {
      id: 'post',
      type: 'transform',
      data: { config: { expression: 'nodes.review.output.comment' } },
    };
    await save('release', [review, publish], [{ source: 'review', target: 'post' }]);
    const page = await readFile('docs/protocols/ag-ui.md', 'utf8');
    const blocks = [...page.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code]) => code!);
    const [chat, approval, cancel, connect, ...others] = blocks;
    expect(others).toEqual([]);
    const run = async (code: string) => {
      const here = code.replaceAll('http://127.0.0.1:3000', server.url);
      const env = { PATH: process.env['PATH'], CLOUTAGENT_API_KEY: ADMIN_KEY };
      const node = promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', here], {
        env,
      });
      return (await node).stdout.trim().split('\n');
    };
    expect(await run(chat!)).toEqual(['Hello worldHello world completed']);
    const printed = await run(approval!);
    expect([printed[0], printed.at(-1)]).toEqual([
      expect.stringMatching(/^May this go out\? \{/),
      'All is right',
    ]);
    expect(await run(connect!)).toEqual(['user,assistant 0']);
    await run(
      `${cancel!.replace('await fetch', 'const response = await fetch')}; console.log(response.status)`,
    ).then((status) => expect(status).toEqual(['409']));
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'never shows a cut text as whole when the server gets %s',
    async (signal) => {
      await save('restart', [demo('answer', 60, 20, `A long text for ${signal}, which must come whole.`)]);
      const agent = new Agent(server, 'restart').say('Hello');
      const errors: unknown[] = [];
      // The client does not handle that `cancel` of a broken response rejects.
      agent.fetch = async (address, init) => withSilentCancel(await fetch(address, init));
      const text = agent.next('TEXT_MESSAGE_CONTENT');
      const run = agent.runAgent().catch((error: unknown) => void errors.push(error));
      await text;
      await server.kill(signal);
      await run;
      expect(agent.types()).not.toContain('RUN_FINISHED');
      if (signal === 'SIGTERM') expect(agent.last('RUN_ERROR')).toMatchObject({ code: 'stream_closed' });
      else expect(errors).toHaveLength(1);

      server = await startServer();
      const again = new Agent(server, 'restart', { threadId: agent.threadId });
      again.url = `${server.url}/api/ag-ui/demo/restart/${agent.threadId}/stream`;
      again.fetch = (address) => fetch(address, { headers: again.headers });
      const { result } = (await again.runAgent()) as { result: string };
      expect(textsOf(again.messages)).toEqual([result]);
      expect(result).toContain('which must come whole');
    },
  );
});
