import { TaskNotCancelableError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { SendMessageRequest } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BINDINGS, clientOf, message, readAll, say, type TaskJson, taskJson } from './support/a2a-client.js';
import { taskOfStream, withJoinedTexts } from './support/a2a-task.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';

const run = promisify(execFile);
const demo = (id: string, prompt: string, chunks = 5, delayMs = 2) => ({
  id,
  type: 'agent',
  data: { config: { model: 'demo/echo', prompt, providerOptions: { demo: { chunks, delayMs } } } },
});
const approval = { id: 'ask', type: 'approval', data: { config: { message: 'Send it?' } } };

const WORKFLOWS: Record<string, object> = {
  chat: {
    description: 'Repeats what it is told.',
    tags: ['echo'],
    workflow: { nodes: [demo('answer', '{{input.text}}')], edges: [] },
  },
  slow: { workflow: { nodes: [demo('answer', '{{input.text}}', 400, 20)], edges: [] } },
  'ask-first': {
    workflow: {
      nodes: [approval, demo('answer', '{{input.text}}')],
      edges: [{ source: 'ask', target: 'answer' }],
    },
  },
  form: {
    inputSchema: {
      type: 'object',
      properties: { topic: { type: 'string' } },
      required: ['topic'],
      additionalProperties: false,
    },
    workflow: {
      nodes: [{ id: 'shape', type: 'transform', data: { config: { expression: '{"about": input.topic}' } } }],
      edges: [],
    },
  },
  history: {
    workflow: {
      nodes: [{ id: 'all', type: 'transform', data: { config: { expression: 'input.messages' } } }],
      edges: [],
    },
  },
  support: {
    workflow: {
      nodes: [
        {
          id: 'answer',
          type: 'agent',
          data: { config: { model: 'demo/echo', messages: '{{input.messages}}' } },
        },
      ],
      edges: [],
    },
  },
  review: { workflow: { nodes: [approval], edges: [] } },
  fail: {
    workflow: {
      nodes: [{ id: 'boom', type: 'transform', data: { config: { expression: '$error("boom")' } } }],
      edges: [],
    },
  },
};

const stateOf = ({ status }: TaskJson): string => status.state;
const textOf = ({ artifacts = [] }: TaskJson): string =>
  artifacts.flatMap(({ parts }) => parts.map(({ text = '' }) => text)).join('');

describe('an A2A client', () => {
  let server: Server;
  let settings: Record<string, string>;

  beforeAll(async () => {
    settings = { DATABASE_URL: await createDatabase(), PROCESS_RECONNECT_TIMEOUT_MS: '500' };
    server = await Server.start(settings);
    for (const [name, workflow] of Object.entries(WORKFLOWS)) {
      const { status, text } = await server.call('PUT', `/api/workflows/demo/${name}`, workflow);
      expect([name, status, text]).toEqual([name, 201, text]);
    }
  });
  afterAll(() => server.kill('SIGTERM'));

  const makeKey = async (body: object): Promise<string> =>
    (await server.call('POST', '/api/keys', { name: 'a2a', ...body })).body.key;
  const a2a = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    server.call(method, `/api/a2a/demo/${path}`, body, { 'a2a-version': '1.0', ...headers });

  describe.each(BINDINGS)('over %s', (binding) => {
    const connect = (name: string, key?: string): Promise<Client> =>
      clientOf(server.url, `demo/${name}`, binding, key);
    const get = async (client: Client, id: string) => taskJson(await client.getTask({ tenant: '', id }));

    it('reads the card, and sends a message', async () => {
      const client = await connect('chat');
      const card = await client.getAgentCard();
      expect(card).toMatchObject({
        name: 'chat',
        description: 'Repeats what it is told.',
        version: '1',
        capabilities: { streaming: true, pushNotifications: false },
        skills: [{ id: 'chat', tags: ['echo'] }],
      });
      const task = taskJson(await client.sendMessage(say('good day')));
      expect(stateOf(task)).toBe('TASK_STATE_COMPLETED');
      expect(textOf(task)).toContain('good day');
      expect(task.history).toMatchObject([
        { role: 'ROLE_USER', parts: [{ text: 'good day' }], contextId: task.contextId, taskId: task.id },
      ]);
      expect(task.metadata).toMatchObject({ usage: { total: expect.any(Number) } });
      expect(withJoinedTexts(await get(client, task.id))).toEqual(withJoinedTexts(task));
      const short = await client.getTask({ tenant: '', id: task.id, historyLength: 0 });
      expect(short.history).toEqual([]);
    });

    it('streams a task whose end is the task that GetTask shows', async () => {
      const client = await connect('chat');
      const frames = await readAll(client.sendMessageStream(say('stream this')));
      expect(frames[0]).toMatchObject({ task: { status: { state: 'TASK_STATE_SUBMITTED' } } });
      expect(frames.at(-1)).toMatchObject({ statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } } });
      expect(frames.filter((frame) => 'artifactUpdate' in frame).length).toBeGreaterThan(2);
      const { id } = (frames[0] as { task: TaskJson }).task;
      expect(await taskOfStream(frames)).toEqual(withJoinedTexts(await get(client, id)));
    });

    it('takes an object as the input, and gets an object as the answer', async () => {
      const client = await connect('form');
      const task = taskJson(await client.sendMessage(message([{ data: { topic: 'tea' } }])));
      expect(task.artifacts).toEqual([
        { artifactId: 'shape', parts: [{ data: { about: 'tea' }, mediaType: 'application/json' }] },
      ]);
      await expect(client.sendMessage(message([{ data: { topic: 5 } }]))).rejects.toMatchObject({
        message: 'input.topic: must be a string, not a number',
      });
    });

    it('continues a conversation in its context', async () => {
      const client = await connect('history');
      const first = taskJson(await client.sendMessage(say('one')));
      const { contextId } = first;
      const second = taskJson(await client.sendMessage(say('two', { contextId })));
      expect(second.contextId).toBe(contextId);
      expect(second.artifacts?.[0]?.parts[0]?.data).toEqual([
        { role: 'user', content: 'one' },
        { role: 'assistant', content: JSON.stringify([{ role: 'user', content: 'one' }]) },
        { role: 'user', content: 'two' },
      ]);
    });

    it('answers a question of a task with a message', async () => {
      const client = await connect('ask-first');
      const asking = taskJson(await client.sendMessage(say('the letter')));
      expect(stateOf(asking)).toBe('TASK_STATE_INPUT_REQUIRED');
      expect(asking.status.message?.parts).toMatchObject([
        { text: 'Send it?' },
        { data: { kind: 'approval', nodeId: 'ask', waitId: expect.any(String) } },
      ]);
      const members = { taskId: asking.id, contextId: asking.contextId };
      await expect(client.sendMessage(say('perhaps', members))).rejects.toMatchObject({
        message: expect.stringContaining('does not fit'),
      });
      await expect(client.sendMessage(say('yes', { ...members, contextId: 'other' }))).rejects.toThrow();
      const task = taskJson(await client.sendMessage(say('yes', members)));
      expect(stateOf(task)).toBe('TASK_STATE_COMPLETED');
      expect(textOf(task)).toContain('the letter');
      await expect(client.sendMessage(say('yes', members))).rejects.toBeInstanceOf(UnsupportedOperationError);
    });

    it('streams up to a question, and from the answer to the end', async () => {
      const client = await connect('ask-first');
      const before = await readAll(client.sendMessageStream(say('a letter')));
      expect(before.at(-1)).toMatchObject({
        statusUpdate: { status: { state: 'TASK_STATE_INPUT_REQUIRED' } },
      });
      const taskId = (before[0] as { task: TaskJson }).task.id;
      const after = await readAll(
        client.sendMessageStream(message([{ data: { approved: true } }], { taskId })),
      );
      expect(after[0]).toMatchObject({
        task: { id: taskId, status: { state: 'TASK_STATE_INPUT_REQUIRED' } },
      });
      expect(after.at(-1)).toMatchObject({ statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } } });
      expect(await taskOfStream([...before, ...after.slice(1)])).toEqual(await taskOfStream(after));
      expect(await taskOfStream(after)).toEqual(withJoinedTexts(await get(client, taskId)));
    });

    it('does not wait if it does not want to, and cancels the task', async () => {
      const client = await connect('slow');
      const started = taskJson(await client.sendMessage(say('x', {}, { returnImmediately: true })));
      expect(['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING']).toContain(stateOf(started));
      const { id } = started;
      const cancel = () => client.cancelTask({ tenant: '', id, metadata: undefined });
      expect(stateOf(taskJson(await cancel()))).toBe('TASK_STATE_CANCELED');
      expect(stateOf(taskJson(await cancel()))).toBe('TASK_STATE_CANCELED');
      const refusal: unknown = await readAll(client.resubscribeTask({ tenant: '', id })).catch(causeOf);
      expect(refusal).toBeInstanceOf(UnsupportedOperationError);
    });

    it('gets the reason of a failure with its code', async () => {
      const client = await connect('fail');
      const task = taskJson(await client.sendMessage(say('x')));
      expect(task.status).toMatchObject({
        state: 'TASK_STATE_FAILED',
        message: { parts: [{ text: expect.stringContaining('boom') }, { data: { nodeId: 'boom' } }] },
      });
      await expect(
        client.cancelTask({ tenant: '', id: task.id, metadata: undefined }),
      ).rejects.toBeInstanceOf(TaskNotCancelableError);
    });

    it('subscribes in the middle, and two subscribers get the same updates in the same order', async () => {
      const client = await connect('slow');
      const started = taskJson(await client.sendMessage(say('y', {}, { returnImmediately: true })));
      const { id } = started;
      let cancelled: Promise<unknown> | undefined;
      const watch = () =>
        readAll(client.resubscribeTask({ tenant: '', id }), (frames) => {
          if (frames.length > 20) cancelled ??= client.cancelTask({ tenant: '', id, metadata: undefined });
        });
      const [one, other] = await Promise.all([watch(), watch()]);
      await cancelled;
      const final = withJoinedTexts(await get(client, id));
      for (const frames of [one, other]) {
        expect(frames[0]).toHaveProperty('task');
        expect(await taskOfStream(frames)).toEqual(final);
      }
      const shared = Math.min(one.length, other.length) - 1;
      expect(one.slice(-shared)).toEqual(other.slice(-shared));
    });

    it('lists tasks by context and state, in pages', async () => {
      const client = await connect('form');
      const contextId = `context of ${binding}`;
      const sent: string[] = [];
      for (let index = 0; index < 3; index += 1) {
        const parts = [{ data: { topic: `t${index}` } }];
        sent.push(taskJson(await client.sendMessage(message(parts, { contextId }))).id);
      }
      const query = { tenant: '', status: 0, pageToken: '', contextId, statusTimestampAfter: undefined };
      const first = await client.listTasks({ ...query, pageSize: 2 });
      expect(first).toMatchObject({ totalSize: 3, pageSize: 2 });
      const second = await client.listTasks({ ...query, pageSize: 2, pageToken: first.nextPageToken });
      expect(second.nextPageToken).toBe('');
      expect([...first.tasks, ...second.tasks].map(({ id }) => id)).toEqual(sent.toReversed());
      expect(first.tasks.map(({ artifacts }) => artifacts)).toEqual([[], []]);
      const withArtifacts = await client.listTasks({ ...query, includeArtifacts: true, status: 3 });
      expect(withArtifacts.tasks.map((task) => taskJson(task).artifacts?.[0]?.parts[0]?.data)).toEqual(
        ['t2', 't1', 't0'].map((about) => ({ about })),
      );
      expect((await client.listTasks({ ...query, status: 4 })).totalSize).toBe(0);
      const late = await client.listTasks({ ...query, statusTimestampAfter: '2999-01-01T00:00:00Z' });
      expect(late.tasks).toEqual([]);
      await expect(client.listTasks({ ...query, pageToken: 'wrong' })).rejects.toMatchObject({
        reason: 'INVALID_PARAMS',
      });
    });

    it('learns nothing of another project, and needs the scopes', async () => {
      const other = await makeKey({
        projects: ['other'],
        scopes: ['executions:read', 'executions:write', 'executions:control', 'workflows:read'],
      });
      const reader = await makeKey({ projects: ['demo'], scopes: ['executions:read', 'workflows:read'] });
      await expect(connect('chat', other)).rejects.toThrow('404');
      const limited = await makeKey({ projects: ['demo'], scopes: ['workflows:read'], workflows: ['form'] });
      await expect(connect('chat', limited)).rejects.toThrow('404');
      await connect('form', limited);
      const own = await connect('chat');
      const { id } = taskJson(await own.sendMessage(say('mine')));
      expect(own.transport.protocolName).toBe(binding);
      const client = await connect('chat', reader);
      await expect(client.sendMessage(say('x'))).rejects.toMatchObject({
        message: expect.stringContaining('executions:write'),
      });
      expect((await get(client, id)).id).toBe(id);
      // A task of one agent is not one of another.
      const another = await connect('form');
      await expect(get(another, id)).rejects.toBeInstanceOf(TaskNotFoundError);
      await expect(get(own, '0199c0de-0000-7000-8000-000000000001')).rejects.toBeInstanceOf(
        TaskNotFoundError,
      );
      await expect(own.sendMessage(say('x', { taskId: 'missing' }))).rejects.toBeInstanceOf(
        TaskNotFoundError,
      );
    });

    it.each(['SIGKILL', 'SIGTERM'] as const)(
      'sees an error when the server ends by %s, and gets the rest when it subscribes again',
      async (signal) => {
        const client = await connect('slow');
        let received: object[] = [];
        const reading = readAll(client.sendMessageStream(say('z'.repeat(5))), async (frames) => {
          received = frames;
          if (frames.length === 10) void server.kill(signal);
        });
        await expect(reading).rejects.toThrow();
        expect(received.at(-1)).not.toMatchObject({
          statusUpdate: { status: { state: 'TASK_STATE_COMPLETED' } },
        });
        await server.kill(signal);
        server = await Server.start(settings);
        const again = await connect('slow');
        const { id } = (received[0] as { task: TaskJson }).task;
        let cancelled: Promise<unknown> | undefined;
        const rest = await readAll(again.resubscribeTask({ tenant: '', id }), (frames) => {
          if (frames.length > 10) cancelled ??= again.cancelTask({ tenant: '', id, metadata: undefined });
        });
        await cancelled;
        expect(await taskOfStream(rest)).toEqual(withJoinedTexts(await get(again, id)));
      },
    );
  });

  it('must name a version of the protocol that the agent speaks', async () => {
    const send = { message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'x' }] } };
    const refused = await a2a('POST', 'chat/message:send', send, { 'a2a-version': '0.3' });
    expect([refused.status, refused.body]).toMatchObject([
      400,
      {
        error: {
          code: 400,
          status: 'FAILED_PRECONDITION',
          details: [
            {
              reason: 'VERSION_NOT_SUPPORTED',
              domain: 'a2a-protocol.org',
              metadata: { code: 'unsupported_protocol_version' },
            },
          ],
        },
      },
    ]);
    expect((await server.call('GET', '/api/a2a/demo/chat/tasks')).status).toBe(400);
    expect((await server.call('GET', '/api/a2a/demo/chat/tasks?A2A-Version=1.0')).status).toBe(200);
    const call = { jsonrpc: '2.0', id: 'seven', method: 'GetTask', params: { id: 'x' } };
    const rpc = await a2a('POST', 'chat', call, { 'a2a-version': '2.0' });
    expect(rpc.body).toMatchObject({ jsonrpc: '2.0', id: 'seven', error: { code: -32009 } });
    const read = await a2a('POST', 'chat', { ...call, method: 'ListTasks', params: {} });
    expect(read).toMatchObject({ status: 200, body: { result: { totalSize: expect.any(Number) } } });
  });

  it.each([
    ['no JSON', '{', -32700, null],
    ['no request', [], -32600, null],
    ['no id', { jsonrpc: '2.0', method: 'GetTask' }, -32600, null],
    ['an unknown method', { jsonrpc: '2.0', id: 1, method: 'message/send' }, -32601, 1],
    ['no params', { jsonrpc: '2.0', id: 2, method: 'GetTask' }, -32602, 2],
    [
      'a part without content',
      {
        jsonrpc: '2.0',
        id: 3,
        method: 'SendMessage',
        params: { message: { messageId: 'm', role: 'ROLE_USER', parts: [{}] } },
      },
      -32602,
      3,
    ],
    [
      'push notifications',
      { jsonrpc: '2.0', id: 4, method: 'CreateTaskPushNotificationConfig', params: {} },
      -32003,
      4,
    ],
    ['a missing task', { jsonrpc: '2.0', id: 5, method: 'CancelTask', params: { id: 'x' } }, -32001, 5],
  ])('gets a JSON-RPC error for %s', async (_what, body, code, id) => {
    const { headers, body: answer } = await a2a('POST', 'chat', body);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer).toMatchObject({
      jsonrpc: '2.0',
      id,
      error: {
        code,
        message: expect.any(String),
        data: expect.arrayContaining([
          expect.objectContaining({ metadata: expect.objectContaining({ code: expect.any(String) }) }),
        ]),
      },
    });
  });

  it('gets errors of its binding for credentials, unknown agents and push notifications', async () => {
    const anonymous = await a2a(
      'POST',
      'chat',
      { jsonrpc: '2.0', id: 9, method: 'GetTask' },
      { authorization: 'Bearer wrong' },
    );
    expect([anonymous.status, anonymous.body]).toMatchObject([
      401,
      { id: 9, error: { code: -32000, data: [{ metadata: { code: 'invalid_credentials' } }] } },
    ]);
    const unknown = await a2a('POST', 'nothing/message:send', {
      message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'x' }] },
    });
    expect([unknown.status, unknown.headers.get('content-type'), unknown.body]).toMatchObject([
      404,
      expect.stringContaining('application/a2a+json'),
      { error: { code: 404, status: 'NOT_FOUND', details: [{ metadata: { code: 'not_found' } }] } },
    ]);
    for (const [method, path] of [
      ['POST', 'chat/tasks/x/pushNotificationConfigs'],
      ['DELETE', 'chat/tasks/x/pushNotificationConfigs/y'],
    ] as const) {
      const { status, body } = await a2a(method, path, method === 'POST' ? {} : undefined);
      expect([status, body]).toMatchObject([
        400,
        { error: { details: [{ reason: 'PUSH_NOTIFICATION_NOT_SUPPORTED' }] } },
      ]);
    }
    expect((await a2a('GET', 'chat/extendedAgentCard')).body).toMatchObject({ name: 'chat' });
    const { body: card } = await server.call('GET', '/api/a2a/demo/form@1/.well-known/agent-card.json');
    expect(card).toMatchObject({
      supportedInterfaces: [{ url: `${server.url.replace(/\/$/, '')}/api/a2a/demo/form@1` }, {}],
      defaultInputModes: ['application/json'],
      capabilities: { extensions: [{ params: { inputSchema: { type: 'object' } } }] },
    });
  });

  it.each(['executions:write', 'executions:control', 'workflows:read'])(
    'shows no task to a key with only the scope %s',
    async (scope) => {
      const sent = await a2a('POST', 'chat/message:send', SendMessageRequest.toJSON(say('secret')));
      const { id } = (sent.body as unknown as { task: TaskJson }).task;
      const headers = { authorization: `Bearer ${await makeKey({ projects: ['demo'], scopes: [scope] })}` };
      for (const path of [`tasks/${id}`, 'tasks?includeArtifacts=true']) {
        expect(await a2a('GET', `chat/${path}`)).toMatchObject({ status: 200 });
        const { status, body } = await a2a('GET', `chat/${path}`, undefined, headers);
        expect([status, JSON.stringify(body)]).toEqual([403, expect.stringContaining('executions:read')]);
      }
    },
  );

  it('refuses a contextId that the database cannot store', async () => {
    const given = {
      ...(SendMessageRequest.toJSON(say('x')) as { message: object }).message,
      contextId: 'a\0b',
    };
    expect(await a2a('POST', 'chat/message:send', { message: given })).toMatchObject({ status: 400 });
    expect(await a2a('GET', 'chat/tasks?contextId=a%00b')).toMatchObject({ status: 400 });
  });

  it('has a page whose code runs', async () => {
    const page = await readFile('docs/protocols/a2a.md', 'utf8');
    const blocks = (language: string) =>
      [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code]) => code!);
    const env = { PATH: process.env['PATH'], CLOUTAGENT_API_KEY: ADMIN_KEY, KEY: ADMIN_KEY, URL: server.url };
    const [code, ...otherCode] = blocks('ts');
    const [send, answer, ...otherCommands] = blocks('bash');
    expect([otherCode, otherCommands]).toEqual([[], []]);
    const here = code!.replaceAll('http://127.0.0.1:3000', server.url);
    const printed = await run(process.execPath, ['--input-type=module-typescript', '-e', here], { env });
    const [first, ...lines] = printed.stdout.split('\n');
    expect([first, lines.includes('artifactUpdate')]).toEqual(['task', true]);
    expect(printed.stdout).toContain('"state": "TASK_STATE_COMPLETED"');
    const task = (output: { stdout: string }) => (JSON.parse(output.stdout) as { task: TaskJson }).task;
    expect(stateOf(task(await run('bash', ['-c', send!], { env })))).toBe('TASK_STATE_COMPLETED');
    const asking = taskJson(
      await (await clientOf(server.url, 'demo/review', 'JSONRPC')).sendMessage(say('the text')),
    );
    const answered = task(await run('bash', ['-c', answer!], { env: { ...env, TASK: asking.id } }));
    expect(answered.artifacts?.[0]?.parts.at(-1)?.data).toMatchObject({
      approved: true,
      comment: 'but be quick',
    });
  });

  it('watches any execution of the workflow in the format, with the task first', async () => {
    const id = await server.startExecution({ projectId: 'demo', workflowRef: 'chat', input: { text: 'hi' } });
    const { text } = await server.call('GET', `/api/executions/${id}/stream?format=a2a`);
    const frames = text
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => JSON.parse(line.slice('data: '.length)) as object);
    expect(frames[0]).toMatchObject({ task: { id, contextId: id } });
    expect(await taskOfStream(frames)).toMatchObject({ status: { state: 'TASK_STATE_COMPLETED' } });
  });
});

/** The SDK's JSON-RPC streams wrap errors. */
const causeOf = (error: unknown): unknown => (error as { cause?: unknown }).cause ?? error;
