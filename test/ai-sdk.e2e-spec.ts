import { randomUUID } from 'node:crypto';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type Message, nodesOf, TestChat, textOf } from './support/ai-sdk-chat.js';
import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

const config = (demo: object, more: object = {}) => ({
  model: 'demo/echo',
  messages: '{{input.messages}}',
  providerOptions: { demo: { delayMs: 0, ...demo } },
  ...more,
});
const agent = (id: string, demo: object, more: object = {}) => ({
  id,
  type: 'agent',
  data: { config: config(demo, more) },
});
const LONG = 'one two three four five six seven eight nine ten '.repeat(20);

describe('chats of the AI SDK', () => {
  let server: Server;
  let endpoint: FakeHttpServer;
  let url: string;
  beforeAll(async () => {
    endpoint = await startFakeHttpServer(({ body }, response) =>
      response.setHeader('content-type', 'application/json').end(body),
    );
    url = await createDatabase();
    server = await start();
    await save('chat', [agent('answer', { chunks: 6 })]);
    await save('slow', [agent('answer', { text: LONG, chunks: 100, delayMs: 15 })]);
    const tool = {
      name: 'refund',
      description: 'Pays money back.',
      inputSchema: { type: 'object' },
      http: { method: 'POST', url: endpoint.url },
      approval: 'always',
    };
    const calls = { toolCall: { name: 'refund', args: { amount: 5 } }, text: 'That is all.' };
    await save('refunds', [agent('answer', calls, { tools: [tool] })]);
    await save('retried', [
      agent('answer', { text: 'the whole answer', chunks: 4, failTimes: 2, failAfterChunks: 2 }),
    ]);
    const { data, ...failing } = agent('answer', { failTimes: 9, failAfterChunks: 2 });
    await save('failing', [{ ...failing, data: { ...data, maxRetries: 0 } }]);
  });
  const start = () =>
    Server.start({
      DATABASE_URL: url,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '20',
      PROCESS_RECONNECT_TIMEOUT_MS: '500',
    });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await endpoint.close();
  });
  const save = async (name: string, nodes: object[], edges: object[] = [], more: object = {}) => {
    const { status, text } = await server.call('PUT', `/api/workflows/demo/${name}`, {
      workflow: { nodes, edges },
      ...more,
    });
    if (status !== 201) throw new Error(`the workflow ${name} was not saved: ${text}`);
  };
  const open = (name: string, options?: ConstructorParameters<typeof TestChat>[2]) =>
    new TestChat(() => server.url, `demo/${name}`, options);
  const execution = async (id: string) => (await server.call('GET', `/api/executions/${id}`)).body;
  const ended = (id: string) =>
    until('the execution has ended', async () => {
      const found = await execution(id);
      return found.completedAt !== undefined && found;
    });

  it('answers each message with an execution, which gets the whole chat', async () => {
    const chat = open('chat', { body: { page: 'orders' } });
    await chat.chat.sendMessage({ text: 'Hello there' });
    expect(chat.chat.status).toBe('ready');
    const { executionId } = chat.last.metadata!;
    expect(chat.last).toMatchObject({
      id: executionId,
      role: 'assistant',
      metadata: { status: 'completed', workflow: 'chat@1', costUSD: 0 },
    });
    expect(chat.last.metadata!.usage!.totalTokens).toBeGreaterThan(0);
    expect(nodesOf(chat.last)).toMatchObject({ answer: { status: 'completed', label: 'answer' } });
    const first = await execution(executionId);
    expect(chat.text).toBe(first.output);
    expect(chat.ends).toEqual([{ isError: false, isDisconnect: false, finishReason: 'stop' }]);
    await chat.chat.sendMessage({ text: 'And again' });
    const second = await execution(chat.last.metadata!.executionId);
    expect(second.input).toEqual({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Hello there' }] },
        { role: 'assistant', content: [{ type: 'text', text: first.output }] },
        { role: 'user', content: [{ type: 'text', text: 'And again' }] },
      ],
      text: 'And again',
      threadId: chat.chat.id,
      data: { page: 'orders' },
    });
    await chat.chat.regenerate();
    expect(chat.chat.messages).toHaveLength(4);
    const third = await execution(chat.last.metadata!.executionId);
    expect([third.input, third.id === second.id]).toEqual([second.input, false]);
  });

  it('sends the header, and frames that a proxy does not hold back', async () => {
    const { status, headers, text } = await server.call('POST', '/api/ai-sdk/demo/chat@1', {
      id: 'c',
      messages: [{ role: 'user', parts: [{ type: 'text', text: 'x' }] }],
    });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(text.trimEnd().split('\n\n').at(-1)).toMatch(/^data: \[DONE\]\nid: \d+$/);
  });

  it('keeps nothing of an attempt that is retried', async () => {
    const chat = open('retried');
    await chat.chat.sendMessage({ text: 'x' });
    expect(chat.text).toBe('the whole answer');
    expect(nodesOf(chat.last)).toMatchObject({ answer: { attempt: 3 } });
  });

  it('ends with an error that has the code', async () => {
    const chat = open('failing');
    await chat.chat.sendMessage({ text: 'x' });
    expect(chat.chat.status).toBe('error');
    expect(chat.chat.error!.message).toMatch(/ \(model_\w+\)$/);
    const { error } = await execution(chat.last.metadata!.executionId);
    expect(chat.last.metadata).toMatchObject({ status: 'failed', error });
    expect(chat.ends).toMatchObject([{ isError: true, isDisconnect: false }]);
  });

  it('resumes in another page, and has nothing to resume after the end', async () => {
    const id = `resumed-${randomUUID()}`;
    const first = open('slow', { id });
    const sent = first.chat.sendMessage({ text: 'x' });
    await first.until('there is text', () => textOf(first.last).length > 20);
    await first.chat.stop();
    await sent;
    const [question] = first.chat.messages;
    const second = open('slow', { id, messages: [question!] });
    await second.chat.resumeStream();
    expect([second.chat.status, second.text]).toEqual(['ready', LONG]);
    expect(second.chat.messages).toHaveLength(2);
    // A page that has the whole answer already.
    const third = open('slow', { id, messages: second.chat.messages });
    await third.chat.resumeStream();
    expect([third.requests[0]!.status, third.chat.status]).toEqual([204, 'ready']);
    expect(third.chat.messages).toEqual(second.chat.messages);
    const other = open('chat', { id });
    await other.chat.resumeStream();
    expect(other.requests[0]!.status).toBe(204);
  });

  it('resumes an answer that has ended while the client was away', async () => {
    const chat = open('slow');
    const sent = chat.chat.sendMessage({ text: 'x' });
    await chat.until('there is text', () => textOf(chat.last).length > 20);
    await chat.chat.stop();
    await sent;
    expect(chat.text.length).toBeLessThan(LONG.length);
    await ended(chat.last.metadata!.executionId);
    await chat.chat.resumeStream();
    expect([chat.chat.status, chat.text, chat.chat.messages.length]).toEqual(['ready', LONG, 2]);
    await chat.chat.resumeStream();
    expect(chat.requests.map(({ status }) => status)).toEqual([200, 200, 204]);
  });

  it('cancels the execution of an answer', async () => {
    const chat = open('slow');
    const sent = chat.chat.sendMessage({ text: 'x' });
    await chat.until('there is text', () => textOf(chat.last).length > 20);
    const path = `/api/ai-sdk/demo/slow/${encodeURIComponent(chat.chat.id)}/cancel`;
    const answer = await server.call('POST', path, { reason: 'enough' });
    expect([answer.status, answer.body.id]).toEqual([202, chat.last.metadata!.executionId]);
    await sent;
    expect(chat.last.metadata!.status).toBe('cancelled');
    expect(chat.ends).toEqual([{ isError: false, isDisconnect: false, finishReason: 'interrupted' }]);
    expect(chat.text.length).toBeLessThan(LONG.length);
    expect((await server.call('POST', path)).status).toBe(202);
    const done = open('chat');
    await done.chat.sendMessage({ text: 'x' });
    expect((await server.call('POST', `/api/ai-sdk/demo/chat/${done.chat.id}/cancel`)).status).toBe(204);
    expect((await server.call('POST', '/api/ai-sdk/demo/chat/unknown/cancel')).status).toBe(404);
  });

  describe('approvals', () => {
    it.each([true, false])('continues the same message after the answer %s', async (approved) => {
      const sent = endpoint.requests.length;
      const chat = open('refunds');
      await chat.chat.sendMessage({ text: 'Give me 5 back' });
      expect(chat.ends).toEqual([{ isError: false, isDisconnect: false, finishReason: 'tool-calls' }]);
      expect(chat.tools).toMatchObject([
        { toolName: 'refund', state: 'approval-requested', input: { amount: 5 } },
      ]);
      const { executionId } = chat.last.metadata!;
      expect(chat.last.metadata).toMatchObject({ status: 'waiting' });
      const asked = structuredClone(chat.last);
      const [tool] = chat.tools;
      await chat.chat.addToolApprovalResponse({
        id: tool!.approval!.id,
        approved,
        ...(!approved && { reason: 'Too much' }),
      });
      await chat.until('the answer is whole', () => chat.last.metadata!.status === 'completed');
      await chat.until('the chat is ready', ({ status }) => status === 'ready');
      expect(chat.chat.messages).toHaveLength(2);
      expect(chat.last.id).toBe(executionId);
      expect(chat.tools).toMatchObject([
        approved
          ? { state: 'output-available', output: { amount: 5 } }
          : { state: 'output-denied', approval: { approved: false } },
      ]);
      expect(chat.text).toBe('That is all.');
      expect(endpoint.requests.length - sent).toBe(approved ? 1 : 0);
      // What a page has that comes back after the answer, and what one has that did not see the end.
      const replayed = open('refunds', { id: chat.chat.id, messages: [chat.chat.messages[0]!, asked] });
      const response = await server.call('POST', '/api/ai-sdk/demo/refunds', chat.requests.at(-1)!.body);
      const deltas = [...response.text.matchAll(/"text-delta".*"delta":"([^"]*)"/g)];
      expect(deltas.map(([, delta]) => delta).join('')).toBe('That is all.');
      await replayed.chat.resumeStream();
      expect(replayed.requests[0]!.status).toBe(204);
    });

    it('shows the question again to a page that is opened while the execution waits', async () => {
      const chat = open('refunds');
      await chat.chat.sendMessage({ text: 'x' });
      const page = open('refunds', { id: chat.chat.id, messages: chat.chat.messages.slice(0, 1) });
      await page.chat.resumeStream();
      expect(page.last).toEqual(chat.last);
      await page.chat.addToolApprovalResponse({ id: page.tools[0]!.approval!.id, approved: true });
      await page.until('the answer is whole', () => page.text === 'That is all.');
      await page.until('the chat is ready', ({ status }) => status === 'ready');
      // The first page answers as well, too late.
      await chat.chat.addToolApprovalResponse({ id: chat.tools[0]!.approval!.id, approved: false });
      await chat.until('the chat is ready', ({ status }) => status === 'ready');
      await chat.until('the answer is whole', () => chat.text === 'That is all.');
      expect(chat.tools).toMatchObject([{ state: 'output-available' }]);
    });

    it('takes the form of an approval node', async () => {
      const schema = { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] };
      const ask = { id: 'ask', type: 'approval', data: { config: { message: 'How much?', schema } } };
      const say = {
        id: 'say',
        type: 'transform',
        data: { config: { expression: '"Sent " & nodes.ask.output.values.amount' } },
      };
      await save('form', [ask, say], [{ source: 'ask', target: 'say' }]);
      const chat = open('form');
      await chat.chat.sendMessage({ text: 'x' });
      expect(chat.tools).toMatchObject([
        { toolName: 'approval', state: 'approval-requested', input: { message: 'How much?', schema } },
      ]);
      const [{ toolCallId } = { toolCallId: '' }] = chat.tools;
      await chat.chat.addToolOutput({
        tool: 'approval',
        toolCallId,
        output: { approved: true, values: { amount: 7 } },
      });
      await chat.until('the answer is whole', () => chat.last.metadata!.status === 'completed');
      expect(chat.text).toBe('Sent 7');
      expect(chat.tools).toMatchObject([
        { state: 'output-available', output: { approved: true, values: { amount: 7 } } },
      ]);
      await chat.chat.sendMessage({ text: 'next' });
      expect((await execution(chat.last.metadata!.executionId)).input).toMatchObject({
        messages: [
          { role: 'user' },
          { role: 'assistant', content: [{ type: 'text', text: 'Sent 7' }] },
          { role: 'user' },
        ],
      });
    });

    it('asks only when no other branch runs', async () => {
      const ask = { id: 'ask', type: 'approval', data: { config: { onReject: 'continue' } } };
      await save('beside', [ask, agent('answer', { text: LONG, chunks: 20, delayMs: 20 })]);
      const chat = open('beside');
      await chat.chat.sendMessage({ text: 'x' });
      expect(chat.text).toBe(LONG);
      expect(chat.tools).toMatchObject([{ toolName: 'approval', state: 'approval-requested' }]);
      await chat.chat.addToolApprovalResponse({
        id: chat.tools[0]!.approval!.id,
        approved: false,
        reason: 'no',
      });
      await chat.until('the answer is whole', () => chat.last.metadata!.status === 'completed');
      expect(chat.tools).toMatchObject([{ state: 'output-denied', approval: { reason: 'no' } }]);
    });

    it('needs the scope executions:control, and the consent of the person who is asked', async () => {
      const { body: key } = await server.call('POST', '/api/keys', {
        name: 'chat',
        projects: ['demo'],
        scopes: ['executions:write', 'executions:read'],
      });
      const chat = open('refunds', { headers: { authorization: `Bearer ${key.key}` } });
      await chat.chat.sendMessage({ text: 'x' });
      await chat.chat.addToolApprovalResponse({ id: chat.tools[0]!.approval!.id, approved: true });
      await chat.until('the answer is refused', ({ status }) => status === 'error');
      expect(JSON.parse(chat.chat.error!.message)).toMatchObject({ code: 'insufficient_scope' });
    });
  });

  it('starts one execution for a repeated Idempotency-Key', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const body = { id: randomUUID(), messages: [{ role: 'user', parts: [{ type: 'text', text: 'x' }] }] };
    const send = () => server.call('POST', '/api/ai-sdk/demo/chat', body, headers);
    const [one, two] = [await send(), await send()];
    expect(two.headers.get('idempotency-replayed')).toBe('true');
    expect(two.headers.get('location')).toBe(one.headers.get('location'));
    expect(two.text.replace(/^retry.*\n/, '')).toBe(one.text.replace(/^retry.*\n/, ''));
  });

  it('answers errors as problems, whose text is the message of the error', async () => {
    const chat = open('unknown');
    await chat.chat.sendMessage({ text: 'x' });
    expect(JSON.parse(chat.chat.error!.message)).toMatchObject({ status: 404, code: 'not_found' });
    const user: Message = { id: 'u', role: 'user', parts: [] };
    const post = (body: object) => server.call('POST', '/api/ai-sdk/demo/chat', body);
    const problems = async (body: object) => {
      const { status, body: problem } = await post(body);
      return [status, problem.code, problem.errors?.map(({ path }: { path: string }) => path)];
    };
    expect(await problems({ id: 'x' })).toEqual([400, 'validation_failed', ['messages']]);
    expect(await problems({ id: 'x', messages: [] })).toEqual([400, 'validation_failed', ['messages']]);
    expect(await problems({ messages: [user] })).toEqual([400, 'validation_failed', ['id']]);
    expect(await problems({ id: 'x', messages: [{ role: 'user', content: 'old' }] })).toEqual([
      400,
      'validation_failed',
      ['messages.0.parts'],
    ]);
    expect(
      await problems({ id: 'x', messages: [{ ...user, parts: [{ type: 'file', mediaType: 'image/png' }] }] }),
    ).toEqual([400, 'validation_failed', ['messages.0.parts.0.url']]);
    expect(await problems({ id: 'x', messages: [user, { ...user, role: 'assistant' }] })).toEqual([
      400,
      'validation_failed',
      ['messages'],
    ]);
    const done = open('chat');
    await done.chat.sendMessage({ text: 'x' });
    expect(await problems({ id: done.chat.id, messages: done.chat.messages })).toEqual([
      409,
      'execution_over',
      undefined,
    ]);
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('ends in an error that can be resumed at %s', async (signal) => {
    const chat = open('slow');
    const sent = chat.chat.sendMessage({ text: 'x' });
    await chat.until('there is text', () => textOf(chat.last).length > 20);
    await server.kill(signal);
    await sent;
    expect(chat.chat.status).toBe('error');
    expect(chat.text).not.toBe(LONG);
    expect(chat.ends).toMatchObject([{ isError: true }]);
    if (signal === 'SIGTERM') expect(chat.chat.error!.message).toContain('(stream_interrupted)');
    server = await start();
    await chat.chat.resumeStream();
    expect([chat.chat.status, chat.text, chat.chat.messages.length]).toEqual(['ready', LONG, 2]);
    expect(chat.last.metadata!.status).toBe('completed');
  });
});
