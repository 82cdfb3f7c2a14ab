import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

const SCOPES = ['executions:read', 'executions:write', 'executions:control'];
const A2A = { 'a2a-version': '1.0' };
const MCP = { accept: 'application/json, text/event-stream' };
const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'slow', arguments: {} } };
const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const MODERN_CALL = { ...CALL, params: { ...CALL.params, _meta: MODERN } };
const MODERN_HEADERS = {
  ...MCP,
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 'slow',
};
const MESSAGE = { message: { messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'Go.' }] } };
const START = { projectId: 'demo', workflowRef: 'slow', input: {} };
const CHAT = { model: 'slow', messages: [{ role: 'user', content: 'Go.' }] };

/** Requests that are open until an execution ends. */
const REQUESTS: [what: string, path: string, body: object, headers: Record<string, string>][] = [
  ['a start with Prefer: wait', '/api/executions', START, { prefer: 'wait=60' }],
  ['a response of OpenAI', '/v1/responses', { model: 'slow', input: 'Go.' }, {}],
  ['a chat completion', '/v1/chat/completions', CHAT, {}],
  ['a message of A2A', '/api/a2a/demo/slow/message:send', MESSAGE, A2A],
  ['a tool call of MCP', '/mcp', CALL, MCP],
  ['a tool call of MCP, revision 2026-07-28', '/mcp', MODERN_CALL, MODERN_HEADERS],
];

const SAY = { id: 'u1', role: 'user', content: 'Go.' };
const USE_CHAT = {
  id: 'chat-1',
  messages: [{ id: 'u1', role: 'user', parts: [{ type: 'text', text: 'Go.' }] }],
  trigger: 'submit-message',
};
const RPC = { jsonrpc: '2.0', id: 1, method: 'SendStreamingMessage', params: MESSAGE };

/** Streams that a request opens. They end with the interruption of their protocol. */
const STREAMS: typeof REQUESTS = [
  ['a response of OpenAI', '/v1/responses', { model: 'slow', input: 'Go.', stream: true }, {}],
  ['a chat completion', '/v1/chat/completions', { ...CHAT, stream: true }, {}],
  ['useChat of the AI SDK', '/api/ai-sdk/demo/slow', USE_CHAT, {}],
  ['a run of AG-UI', '/api/ag-ui/demo/slow', { threadId: 't1', runId: 'r1', messages: [SAY] }, {}],
  ['a message of A2A', '/api/a2a/demo/slow/message:stream', MESSAGE, A2A],
  ['a message of A2A, by JSON-RPC', '/api/a2a/demo/slow', RPC, A2A],
];

describe('a request that waits for the end of an execution', () => {
  let server: Server;

  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
    const workflow = {
      nodes: [{ id: 'wait', type: 'delay', data: { config: { ms: 600_000 } } }],
      edges: [],
    };
    const saved = { workflow, inputSchema: { type: 'object' } };
    expect((await server.call('PUT', '/api/workflows/demo/slow', saved)).status).toBe(201);
  });
  afterAll(() => server.kill('SIGTERM'));

  /** Sends a request with a key of its own, and loses the key when the execution has begun. */
  async function sendAndLose(
    [, path, body, headers]: (typeof REQUESTS)[number],
    made: object,
    lose: (keyId: string) => Promise<unknown>,
  ): Promise<{ status: number; text: string }> {
    const request = { name: 'lost', projects: ['demo'], scopes: SCOPES, ...made };
    const { id, key } = (await server.call('POST', '/api/keys', request)).body;
    const answer = server.call('POST', path, body, { authorization: `Bearer ${key}`, ...headers });
    const execution = await until('the execution waits', async () => {
      const { executions } = (await server.call('GET', '/api/executions?status=waiting')).body;
      return executions[0];
    });
    await lose(id);
    const { status, text } = await answer;
    const { body: shown } = await server.call('GET', `/api/executions/${execution.id}`);
    expect(shown.status).toBe('waiting');
    await server.call('POST', `/api/executions/${execution.id}/cancel`);
    await until('it is cancelled', async () => {
      const now = await server.call('GET', `/api/executions/${execution.id}`);
      return now.body.status === 'cancelled';
    });
    return { status, text };
  }

  it.each(REQUESTS)('is refused when its key is revoked: %s', async (...request) => {
    const { status, text } = await sendAndLose(request, {}, (id) => server.call('DELETE', `/api/keys/${id}`));
    expect(text).toContain('invalid_credentials');
    // A call of MCP has begun to answer.
    expect(status).toBe(request[1] === '/mcp' ? 200 : 401);
  });

  it.each(STREAMS)('is interrupted when its key is revoked: the stream of %s', async (...request) => {
    const { status, text } = await sendAndLose(request, {}, (id) => server.call('DELETE', `/api/keys/${id}`));
    expect([status, text]).toEqual([200, expect.stringMatching(/stream_closed|"type":"error"/)]);
  });

  it('is refused when its key expires', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const { status, text } = await sendAndLose(REQUESTS[0]!, { expiresAt }, async () => undefined);
    expect([status, text]).toEqual([401, expect.stringContaining('invalid_credentials')]);
  });
});
