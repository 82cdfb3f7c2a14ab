import { request } from 'node:http';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

const A2A = { 'a2a-version': '1.0' };
const MCP = { accept: 'application/json, text/event-stream' };
const ALL_SCOPES = ['executions:read', 'executions:write', 'executions:control', 'workflows:read'];

interface Protocol {
  name: string;
  path: string;
  /** A request with a text of the user and an id of the client. */
  body: (text: string, id: string) => object;
  headers?: Record<string, string>;
  /** Whether the client names the conversation. */
  namesThread?: true;
}
const PROTOCOLS: Protocol[] = [
  {
    name: 'AI SDK',
    path: '/api/ai-sdk/demo/chat',
    body: (text, id) => ({ id, messages: [{ id: 'm1', role: 'user', parts: [{ type: 'text', text }] }] }),
    namesThread: true,
  },
  {
    name: 'AG-UI',
    path: '/api/ag-ui/demo/chat',
    body: (text, id) => ({
      threadId: id,
      runId: `run-${id}`,
      state: {},
      messages: [{ id: 'm1', role: 'user', content: text }],
      tools: [],
      context: [],
      forwardedProps: {},
    }),
    namesThread: true,
  },
  {
    name: 'OpenAI responses',
    path: '/v1/responses',
    body: (text) => ({ model: 'demo/chat', input: text }),
  },
  {
    name: 'chat completions',
    path: '/v1/chat/completions',
    body: (text) => ({ model: 'demo/chat', messages: [{ role: 'user', content: text }] }),
  },
  {
    name: 'A2A',
    path: '/api/a2a/demo/chat/message:send',
    body: (text, id) => ({
      message: { messageId: 'm1', contextId: id, role: 'ROLE_USER', parts: [{ text }] },
    }),
    headers: A2A,
    namesThread: true,
  },
  {
    name: 'A2A by JSON-RPC',
    path: '/api/a2a/demo/chat',
    body: (text, id) => ({
      jsonrpc: '2.0',
      id: 1,
      method: 'SendMessage',
      params: { message: { messageId: 'm1', contextId: id, role: 'ROLE_USER', parts: [{ text }] } },
    }),
    headers: A2A,
    namesThread: true,
  },
  {
    name: 'MCP',
    path: '/mcp',
    body: (text) => ({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'demo__chat', arguments: { text } },
    }),
    headers: MCP,
  },
];

describe.each(PROTOCOLS)('a hostile client of $name', ({ path, body, headers = {}, namesThread }) => {
  let sent = 0;
  const send = (text: string, id = `thread-${(sent += 1)}`) =>
    server.call('POST', path, body(text, id), headers);

  it.each([
    ['an empty text', '', false],
    ['a lone surrogate', 'a\u{d800}b', false],
    ['U+0000', 'a\0b', false],
    ['placeholders', '{{input.text}} {{secrets.key}} {{nodes.answer.output}}', true],
    ['frames of a stream', 'data: x\n\nevent: error\r\n\r\ndata: {"type":"finish"}\n\n', true],
    ['half a megabyte', 'x'.repeat(500_000), false],
  ])('may send %s', async (_what, text, isEchoed) => {
    const answer = await send(text);
    expect([answer.status, answer.status < 500]).toEqual([answer.status, true]);
    expect(answer.text).not.toContain('internal_error');
    if (isEchoed) expect(answer.text).toContain(JSON.stringify(text).slice(1, 12));
  });

  it('is told what is wrong with a body that is no request', async () => {
    for (const wrong of [
      'null',
      '[]',
      '"x"',
      '{}',
      '{"messages":{}}',
      '{"__proto__":null}',
      JSON.stringify({ ...body('x', 'y'), messages: Array.from({ length: 20_000 }, () => 1) }),
    ]) {
      const { status, text } = await server.call('POST', path, wrong, headers);
      expect([wrong.slice(0, 30), status, /validation_failed|_too_|-32\d\d\d/.test(text)]).toEqual([
        wrong.slice(0, 30),
        // A chat of A2A or MCP ignores a member `messages`, as their clients may send members of later versions.
        status === 200 && wrong.includes('messages') ? 200 : 400,
        status !== 200,
      ]);
    }
  });

  if (namesThread)
    it.each([
      ['long', 'x'.repeat(5_000)],
      ['with U+0000', 'a\0b'],
      ['with a slash', '../chat/thread'],
      ['with a lone surrogate', 'a\u{d800}'],
    ])('may name a conversation by an id that is %s', async (_what, id) => {
      const { status, text } = await send('Hello.', id);
      expect([status < 500, text.includes('internal_error')]).toEqual([true, false]);
    });

  it('starts one execution by an Idempotency-Key that another protocol has used, or none', async () => {
    const key = { 'idempotency-key': `key-${path}` };
    const count = async () => (await server.call('GET', '/api/executions?limit=100')).body.executions.length;
    const native = { projectId: 'demo', workflowRef: 'chat', input: { text: 'first' } };
    expect((await server.call('POST', '/api/executions', native, key)).status).toBe(202);
    const before = await count();
    const { text } = await server.call('POST', path, body('second', 'idempotent'), { ...headers, ...key });
    // MCP has no such header, and a run of AG-UI has an id.
    if (path === '/mcp' || path.includes('ag-ui')) expect(text).not.toContain('idempotency_key_reused');
    else expect([text.includes('idempotency_key_reused'), await count()]).toEqual([true, before]);
  });
});

let server: Server;
beforeAll(async () => {
  server = await Server.start({ DATABASE_URL: await createDatabase() });
  const node = (id: string, type: string, config: object) => ({ id, type, data: { config } });
  const save = async (name: string, nodes: object[], more: object = {}) => {
    const saved = { workflow: { nodes, edges: [] }, ...more };
    expect((await server.call('PUT', `/api/workflows/demo/${name}`, saved)).status).toBe(201);
  };
  const echo = node('answer', 'transform', { expression: 'input.text' });
  await save('chat', [echo], { inputSchema: { type: 'object' } });
  await save('ask', [node('ask', 'approval', { message: 'May it go out?' })], {
    inputSchema: { type: 'object' },
  });
});
afterAll(() => server.kill('SIGTERM'));

const makeKey = async (projects: string[]): Promise<Record<string, string>> => {
  const made = await server.call('POST', '/api/keys', { name: 'k', projects, scopes: ALL_SCOPES });
  return { authorization: `Bearer ${made.body.key}` };
};

/** Finds the code of the API in an error of any protocol. */
const codeIn = (body: unknown): unknown => /"code":"([a-z_]+)"/.exec(JSON.stringify(body))?.[1];
/** What a client is told whose answer came too late. A task of A2A that has ended takes no more messages. */
const LOST = ['wait_already_answered', 'execution_over'];

describe('a wait that clients of several protocols answer at once', () => {
  it('takes one answer, and tells the other that it is over', async () => {
    for (let round = 0; round < 5; round += 1) {
      const contextId = `race-${round}`;
      const message = { messageId: 'm1', contextId, role: 'ROLE_USER', parts: [{ text: 'Go.' }] };
      const asked = await server.call('POST', '/api/a2a/demo/ask/message:send', { message }, A2A);
      const { task } = asked.body as unknown as { task: { id: string } };
      const { waits } = (await server.call('GET', `/api/waits?executionId=${task.id}`)).body as unknown as {
        waits: { waitId: string }[];
      };
      const reply = {
        messageId: 'm2',
        taskId: task.id,
        contextId,
        role: 'ROLE_USER',
        parts: [{ data: { approved: true } }],
      };
      const answers = await Promise.all([
        server.call('POST', `/api/waits/${waits[0]!.waitId}/answer`, { approved: false }),
        server.call('POST', '/api/a2a/demo/ask/message:send', { message: reply }, A2A),
      ]);
      const results = answers.map(({ status, body }) => (status < 300 ? 'accepted' : codeIn(body)));
      expect(results.filter((result) => result === 'accepted')).toHaveLength(1);
      expect(LOST).toContain(results.find((result) => result !== 'accepted'));
    }
  });
});

describe('an id of another project', () => {
  it('is unknown in every protocol', async () => {
    const own = await makeKey(['demo']);
    const other = await makeKey(['other']);
    const message = { messageId: 'm1', contextId: 'mine', role: 'ROLE_USER', parts: [{ text: 'Hello.' }] };
    const sent = await server.call(
      'POST',
      '/api/a2a/demo/chat/message:send',
      { message },
      { ...A2A, ...own },
    );
    const { id } = (sent.body as unknown as { task: { id: string } }).task;
    const read = { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: `execution://${id}` } };
    const requests: [
      method: string,
      path: string,
      body?: object | undefined,
      more?: Record<string, string>,
    ][] = [
      ['GET', `/api/executions/${id}/stream?format=ai-sdk`],
      ['GET', `/api/executions/${id}/stream?format=ag-ui`],
      ['GET', `/api/executions/${id}/stream?format=openai-responses`],
      ['GET', `/v1/responses/resp_${id}`],
      ['GET', `/v1/responses/resp_${id}?stream=true&starting_after=1`],
      ['GET', `/v1/responses/resp_${id}/input_items`],
      ['POST', `/v1/responses/resp_${id}/cancel`],
      ['DELETE', `/v1/responses/resp_${id}`],
      ['POST', '/v1/responses', { model: 'demo/chat', input: 'x', previous_response_id: `resp_${id}` }],
      ['GET', `/api/a2a/demo/chat/tasks/${id}`, undefined, A2A],
      ['POST', `/api/a2a/demo/chat/tasks/${id}:cancel`, undefined, A2A],
      ['POST', `/api/a2a/demo/chat/tasks/${id}:subscribe`, undefined, A2A],
      ['GET', '/api/a2a/demo/chat/tasks', undefined, A2A],
      ['POST', '/mcp', read, MCP],
    ];
    for (const [method, path, body, more] of requests) {
      const foreign = await server.call(method, path, body, { ...more, ...other });
      const missing = path.replace(id, '0199c0de-0000-7000-8000-000000000001');
      const unknown = await server.call(method, missing, body, { ...more, ...other });
      const isHidden =
        /not_found|TASK_NOT_FOUND|Resource not found/.test(foreign.text) && !foreign.text.includes('Hello.');
      expect([method, path, foreign.status, isHidden]).toEqual([method, path, unknown.status, true]);
    }
    // It is there for its owner.
    expect((await server.call('GET', `/v1/responses/resp_${id}`, undefined, own)).status).toBe(200);
  });
});

describe('a name with U+0000', () => {
  it.each<[method: string, path: string, status: number, body?: object]>([
    ['GET', '/api/a2a/demo/%00/tasks', 200],
    ['GET', '/api/a2a/%00/chat/tasks', 404],
    ['GET', '/api/a2a/demo/%00/extendedAgentCard', 404],
    ['GET', '/api/a2a/%00/chat/extendedAgentCard', 404],
    ['GET', '/api/ag-ui/%00/chat/thread/stream', 404],
    ['POST', '/api/ag-ui/%00/chat/thread/cancel', 404],
    ['GET', '/api/ai-sdk/%00/chat/thread/stream', 404],
    ['POST', '/api/ai-sdk/%00/chat/thread/cancel', 404],
    ['POST', '/v1/responses', 404, { model: '\0/chat', input: 'x' }],
  ])('is the name of nothing: %s %s', async (...given) => {
    const [method, path, status, body] = given;
    const answer = await server.call(method, path, body, A2A);
    expect([answer.status, answer.text]).toEqual([status, expect.not.stringContaining('internal_error')]);
  });
});

describe('a previous response', () => {
  const respond = (model: string, more: object = {}) =>
    server.call('POST', '/v1/responses', { model: `demo/${model}`, input: 'x', ...more });

  it('is refused when it has not ended, and when it was deleted', async () => {
    const open = (await respond('ask', { background: true })).body.id;
    const waiting = await respond('chat', { previous_response_id: open });
    expect([waiting.status, codeIn(waiting.body)]).toEqual([409, 'execution_not_ended']);
    const ended = (await respond('chat')).body.id;
    expect((await respond('chat', { previous_response_id: ended })).status).toBe(200);
    await server.call('DELETE', `/v1/responses/${ended}`);
    for (const id of [ended, 'resp_\0', 'resp_\ud800']) {
      const { status, body } = await respond('chat', { previous_response_id: id });
      expect([status, codeIn(body)]).toEqual([404, 'not_found']);
    }
    await server.call('POST', `/v1/responses/${open}/cancel`);
  });
});

describe('a query of a protocol', () => {
  it.each([
    ['format=ai-sdk&format=ag-ui', 'validation_failed'],
    ['format=', 'validation_failed'],
    ['format[]=ai-sdk', 'validation_failed'],
    ['format=__proto__', 'validation_failed'],
    ['format=constructor', 'validation_failed'],
  ])('%s is refused', async (query, code) => {
    const id = await server.startExecution({ projectId: 'demo', workflowRef: 'chat', input: { text: 'x' } });
    const { status, body } = await server.call('GET', `/api/executions/${id}/stream?${query}`);
    expect([status, body.code]).toEqual([400, code]);
  });

  it.each(['-1', '1e9', '99999999999999999999', 'x', '1&starting_after=2'])(
    'starting_after=%s is refused',
    async (value) => {
      const { body } = await server.call('POST', '/v1/responses', { model: 'demo/chat', input: 'x' });
      const path = `/v1/responses/${body.id}?stream=true&starting_after=${value}`;
      const { status, text } = await server.call('GET', path);
      expect([status, /validation_failed|invalid_last_event_id/.test(text)]).toEqual([400, true]);
    },
  );
});

describe('a client that leaves in mid-answer', () => {
  it.each(PROTOCOLS.filter(({ path }) => path !== '/mcp'))(
    'leaves the execution of $name to end',
    async ({ path, body, headers = {} }) => {
      const slow = [
        {
          id: 'answer',
          type: 'agent',
          data: {
            config: {
              model: 'demo/echo',
              prompt: 'word '.repeat(40),
              providerOptions: { demo: { delayMs: 20 } },
            },
          },
        },
      ];
      await server.call('PUT', '/api/workflows/demo/slow', { workflow: { nodes: slow, edges: [] } });
      const given = JSON.stringify(body('Hello.', `left-${path}`)).replaceAll('demo/chat"', 'demo/slow"');
      const target = new URL(path.replace('/demo/chat', '/demo/slow'), server.url);
      const authorization = `Bearer ${ADMIN_KEY}`;
      const sent = request(target, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization, ...headers },
      });
      sent.on('error', () => undefined).end(given);
      const running = await until('the execution runs', async () => {
        const { executions } = (await server.call('GET', '/api/executions?status=running')).body;
        return executions.find(({ workflow }) => workflow?.name === 'slow');
      });
      sent.destroy();
      const ended = await until('it has ended', async () => {
        const shown = (await server.call('GET', `/api/executions/${running.id}`)).body;
        return shown.completedAt !== undefined && shown;
      });
      expect(ended.status).toBe('completed');
      await until('no stream is open', async () => {
        const { text } = await server.call('GET', '/metrics');
        return /^cloutagent_streams_open(?:\{[^}]*\})? 0$/m.test(text);
      });
    },
  );
});
