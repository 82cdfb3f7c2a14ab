import type { CallToolResult } from '@modelcontextprotocol/client';
import { createRequire } from 'node:module';
import { connect, ERAS, executionOf, keyOf, object, save, saveTools, textOf } from './support/mcp-tools.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';

const FAST = {
  RETRY_BASE_MS: '1',
  PROCESS_TIMEOUT_MS: '1000',
  PROCESS_CHECK_INTERVAL_MS: '50',
  TIMER_POLL_INTERVAL_MS: '50',
  DISPATCH_POLL_INTERVAL_MS: '200',
  STREAM_RETRY_MS: '100',
};
let database: string;
let server: Server;
let key: string;
beforeAll(async () => {
  database = await createDatabase();
  server = await Server.start({ DATABASE_URL: database, ...FAST, PUBLIC_URL: 'https://agents.example' });
  await saveTools(server);
  key = await keyOf(server);
});
afterAll(() => server.kill('SIGTERM'));

const shown = async (id: string) => (await server.call('GET', `/api/executions/${id}`)).body;
const ended = (id: string) =>
  until(`${id} has ended`, async () => (await shown(id)).status === 'completed' && shown(id));
const known = new Set<string>();
/** Waits until a new execution of a tool waits for its timer. */
const begun = (tool: string) =>
  until(`${tool} has begun`, async () => {
    const { executions } = (await server.call('GET', '/api/executions?status=waiting')).body;
    const id = executions.find((each) => each.workflow?.name === tool && !known.has(each.id))?.id;
    if (id !== undefined) known.add(id);
    return id;
  });

interface Reply {
  status: number;
  headers: Headers;
  text: string;
  json: {
    result: CallToolResult & Record<string, unknown>;
    error: { code: number; message: string; data: { code: string } };
    id: unknown;
  };
}
/** Sends a message as curl does. */
async function send(
  body: unknown,
  { authorization = `Bearer ${key}`, ...headers }: Record<string, string> = {},
  method = 'POST',
): Promise<Reply> {
  const response = await fetch(new URL('/mcp', server.url), {
    method,
    headers: {
      ...(authorization !== '' && { authorization }),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const data = text.startsWith('{') ? text : framesIn(text).at(-1)?.data;
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: (data ? JSON.parse(data) : {}) as Reply['json'],
  };
}
const framesIn = (text: string) =>
  text.split('\n\n').flatMap((frame) => {
    const data = /^data: (.+)$/m.exec(frame)?.[1];
    return data === undefined ? [] : { id: /^id: (.+)$/m.exec(frame)?.[1], data };
  });
const rpc = (method: string, params: object = {}, id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const callOf = (name: string, args: object = {}, meta: object = {}) =>
  rpc('tools/call', { name, arguments: args, _meta: meta });
const version = (revision: string) => ({ 'mcp-protocol-version': revision });

/** Cancels an execution, so that no later test finds it. */
const cancel = async (id: string) => {
  await server.call('POST', `/api/executions/${id}/cancel`, {});
  await until(`${id} is cancelled`, async () => (await shown(id)).status === 'cancelled');
};

describe('a call that takes long', () => {
  let short: Server;
  beforeAll(async () => {
    short = await Server.start({
      DATABASE_URL: database,
      ...FAST,
      MCP_TOOL_WAIT_MS: '1500',
      MAX_STREAMS_PER_PRINCIPAL: '1',
    });
  });
  afterAll(() => short.kill('SIGTERM'));

  it.each(ERAS)(
    'counts as a stream, and is answered with the resource of its execution, which continues (%s)',
    async (era) => {
      const client = await connect(short, era, { key });
      const call = client.callTool({ name: 'wait', arguments: { ms: 1 } });
      await begun('wait');
      const refused: unknown = await client
        .callTool({ name: 'add', arguments: { a: 1, b: 1 } })
        .catch((error: unknown) => error);
      expect(JSON.stringify(refused) + String(refused)).toContain('too_many_streams');
      const result = await call;
      const id = executionOf(result);
      expect(textOf(result)).toBe(
        `The execution ${id} still runs. Read the resource execution://${id} for its result, or GET /api/executions/${id}.`,
      );
      expect(result.isError).toBeUndefined();
      const { contents } = await client.readResource({ uri: `execution://${id}` });
      expect(JSON.parse((contents[0] as { text: string }).text)).toMatchObject({ id, status: 'waiting' });
      await cancel(id);
      await client.close();
    },
  );
});

describe('clients that leave while progress is sent', () => {
  const CALLS = 12;
  const statuses = async () => {
    const { executions } = (await server.call('GET', '/api/executions?limit=50')).body;
    return executions.filter((each) => each.workflow?.name === 'talk').map((each) => each.status);
  };

  it('cancel their executions, and leave no errors in the log', async () => {
    const config = {
      model: 'demo/echo',
      prompt: 'word '.repeat(400),
      providerOptions: { demo: { chunks: 2_000, delayMs: 1 } },
    };
    const workflow = { nodes: [{ id: 'talk', type: 'agent', data: { config } }] };
    await save(server, 'talk', { inputSchema: object({}), workflow });
    const client = await connect(server, 'modern', { key });
    const calls = Array.from({ length: CALLS }, async (_unused, index) => {
      const left = new AbortController();
      let received = 0;
      const onprogress = () => (received += 1) > index && left.abort();
      await expect(
        client.callTool({ name: 'talk', arguments: {} }, { onprogress, signal: left.signal }),
      ).rejects.toThrow();
    });
    await Promise.all(calls);
    await until('all are cancelled', async () => {
      const all = await statuses();
      return all.length === CALLS && all.every((status) => status === 'cancelled');
    });
    expect(server.output()).not.toMatch(/a request to the MCP server failed|NOT_CONNECTED/);
    await client.close();
  });
});

describe('a server that goes away in mid-call', () => {
  it('answers with the resource when it is stopped with SIGTERM', async () => {
    const gone = await Server.start({ DATABASE_URL: database, ...FAST });
    const clients = await Promise.all(ERAS.map((era) => connect(gone, era, { key })));
    const calls = clients.map((client) => client.callTool({ name: 'wait', arguments: { ms: 1 } }));
    const ids = [await begun('wait'), await begun('wait')];
    const killed = gone.kill('SIGTERM');
    const results = await Promise.all(calls);
    expect(results.map(executionOf).toSorted()).toEqual(ids.toSorted());
    for (const result of results) expect(textOf(result)).toContain('still runs');
    await killed;
    for (const id of ids) {
      expect((await shown(id)).status).toBe('waiting');
      await cancel(id);
    }
    await Promise.all(clients.map((client) => client.close()));
  });

  it('is killed: legacy clients continue elsewhere, and modern ones find the execution by the same key', async () => {
    const gone = await Server.start({ DATABASE_URL: database, ...FAST });
    const requests: string[] = [];
    /** Sends requests to the other process once this one is gone, as a load balancer does. */
    const fetchAlive = (input: string | URL, init?: RequestInit) => {
      const isGone = gone.process.exitCode !== null || gone.process.signalCode !== null;
      requests.push(`${init?.method ?? 'GET'} ${isGone ? 'elsewhere' : 'here'}`);
      return fetch(new URL(new URL(String(input)).pathname, isGone ? server.url : gone.url), init);
    };
    const [modern, reporting, silent] = await Promise.all(
      (['modern', 'legacy', 'legacy'] as const).map((era) => connect(gone, era, { key, fetch: fetchAlive })),
    );
    const messages: string[] = [];
    const request = { name: 'later', arguments: {} };
    const keyed = { ...request, _meta: { 'cloutagent/idempotencyKey': 'after-the-crash' } };
    // The SDK waits for its own time limit when the stream of a modern call breaks.
    const cut = modern!
      .callTool(keyed, { onprogress: () => undefined, timeout: 10_000 })
      .catch((error: unknown) => error);
    const continued = [
      reporting!.callTool(request, { onprogress: ({ message }) => messages.push(message ?? '') }),
      silent!.callTool(request),
    ];
    const ids = [await begun('later'), await begun('later'), await begun('later')];
    await gone.kill('SIGKILL');
    const again = await modern!.callTool(keyed);
    // The error may be one of another realm than that of the test.
    expect(await cut).not.toHaveProperty('content');
    const results = [again, ...(await Promise.all(continued))];
    for (const result of results) expect(textOf(result)).toBe('done');
    expect(results.map(executionOf).toSorted()).toEqual(ids.toSorted());
    expect(messages.filter((text) => text === 'first: completed')).toHaveLength(1);
    expect(requests.filter((each) => each === 'GET elsewhere').length).toBeGreaterThanOrEqual(2);
    await Promise.all([modern, reporting, silent].map((client) => client!.close()));
  });
});

describe('the client of SDK 1', () => {
  it('lists, calls with progress, answers forms and cancels', async () => {
    // The suite of conformance has this version.
    const require = createRequire(
      createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
    );
    const load = (path: string) => import(require.resolve(`@modelcontextprotocol/sdk/${path}`));
    const { Client: Client1 } = await load('client/index.js');
    const { StreamableHTTPClientTransport: Transport1 } = await load('client/streamableHttp.js');
    const { ElicitRequestSchema } = await load('types.js');
    const client = new Client1({ name: 'one', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({
      action: 'accept',
      content: { approved: true, budget: 15 },
    }));
    const requestInit = { headers: { authorization: `Bearer ${key}` } };
    await client.connect(new Transport1(new URL('/mcp', server.url), { requestInit }));
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    const messages: string[] = [];
    const greeting = await client.callTool({ name: 'greet', arguments: { name: 'Eve' } }, undefined, {
      onprogress: ({ message }: { message: string }) => messages.push(message),
    });
    expect(messages.join('')).toContain(textOf(greeting));
    const review = await client.callTool({ name: 'review', arguments: {} });
    expect(review.structuredContent.values).toEqual({ budget: 15 });
    const abort = new AbortController();
    const waiting = client.callTool({ name: 'wait', arguments: { ms: 1 } }, undefined, {
      signal: abort.signal,
    });
    const id = await begun('wait');
    abort.abort('enough');
    await expect(waiting).rejects.toThrow();
    await until('it is cancelled', async () => (await shown(id)).status === 'cancelled');
    await client.close();
  });
});

describe('a request as curl sends it', () => {
  it.each(['2025-11-25', '2025-06-18', '2025-03-26'])(
    'initializes revision %s and needs no session',
    async (revision) => {
      const params = {
        protocolVersion: revision,
        capabilities: {},
        clientInfo: { name: 'curl', version: '1' },
      };
      const { json, headers } = await send(rpc('initialize', params));
      expect(json.result).toMatchObject({
        protocolVersion: revision,
        capabilities: { tools: {}, resources: {} },
      });
      expect(headers.get('mcp-session-id')).toMatch(/^f-/);
      const added = await send(callOf('add', { a: 1, b: 2 }), version(revision));
      expect(added.json.result.structuredContent).toEqual({ sum: 3 });
      expect(added.text.startsWith('id: ')).toBe(revision === '2025-11-25');
    },
  );

  it('may be a batch, as revision 2025-03-26 has it', async () => {
    const { text } = await send(
      [callOf('add', { a: 1, b: 2 }), rpc('tools/list', {}, 2)],
      version('2025-03-26'),
    );
    const ids = framesIn(text).map(({ data }) => (JSON.parse(data) as { id: number }).id);
    expect(ids.toSorted((a, b) => a - b)).toEqual([1, 2]);
  });

  it.each<[string, () => Promise<Reply>, number, string]>([
    ['without a credential', () => send(rpc('ping'), { authorization: '' }), 401, 'credentials_missing'],
    [
      'with a wrong credential',
      () => send(rpc('ping'), { authorization: 'Bearer x' }),
      401,
      'invalid_credentials',
    ],
    ['that is no JSON', () => send('{"jsonrpc":'), 400, 'malformed_json'],
    [
      'of a foreign page',
      () => send(rpc('ping'), { origin: 'https://evil.example' }),
      403,
      'cross_site_request',
    ],
    ['that continues nothing', () => send('', { 'last-event-id': '7' }, 'GET'), 400, 'invalid_last_event_id'],
    ['that ends a session', () => send('', {}, 'DELETE'), 405, 'method_not_allowed'],
    ['that waits for messages', () => send('', {}, 'GET'), 405, 'method_not_allowed'],
  ])('%s is refused in the form of JSON-RPC', async (_what, request, status, code) => {
    const { status: given, json, headers } = await request();
    expect(given).toBe(status);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(json).toMatchObject({ jsonrpc: '2.0', id: null, error: { data: { code, status } } });
    if (status === 401) expect(headers.get('www-authenticate')).toBe('Bearer');
  });

  it('needs the scopes executions:write and executions:read', async () => {
    for (const scope of ['executions:read', 'executions:write']) {
      const limited = await keyOf(server, { scopes: [scope] });
      const { status, json } = await send(rpc('tools/list'), { authorization: `Bearer ${limited}` });
      expect([status, json.error.data.code]).toEqual([403, 'insufficient_scope']);
    }
  });

  it('may come from a page of PUBLIC_URL', async () => {
    expect((await send(rpc('ping'), { origin: 'https://agents.example' })).status).toBe(200);
  });

  it.each<[string, () => Promise<Reply>, number]>([
    [
      'the client does not accept server-sent events',
      () => send(callOf('add'), { accept: 'application/json' }),
      406,
    ],
    ['the revision is unknown', () => send(callOf('add'), version('1999-01-01')), 400],
    ['the type is not JSON', () => send('{}', { 'content-type': 'text/plain' }), 415],
    ['a modern request has no envelope', () => send(callOf('add'), version('2026-07-28')), 400],
  ])('is refused as the protocol says when %s', async (_why, request, status) => {
    expect((await request()).status).toBe(status);
  });

  it.each([
    ['an unknown method', rpc('prompts/list'), -32_601],
    ['a call without a name', rpc('tools/call', {}), -32_602],
    ['arguments that are a list', rpc('tools/call', { name: 'add', arguments: [] }), -32_602],
  ])('gets an error of JSON-RPC for %s', async (_what, message, code) => {
    expect((await send(message)).json).toMatchObject({ id: 1, error: { code } });
  });
});

describe('the stream of a call before revision 2026-07-28', () => {
  it('continues after each of its events with exactly the others', async () => {
    const { text } = await send(
      callOf('greet', { name: 'Ada' }, { progressToken: 'p' }),
      version('2025-11-25'),
    );
    const frames = framesIn(text);
    const ids = [/^id: (.+)$/m.exec(text)![1]!, ...frames.map(({ id }) => id!)];
    expect(frames.length).toBeGreaterThan(5);
    for (const [index, id] of ids.slice(0, -1).entries()) {
      const { text: rest } = await send('', { 'last-event-id': id }, 'GET');
      expect(framesIn(rest)).toEqual(frames.slice(index));
    }
    const { text: result } = await send('', { 'last-event-id': ids.at(-1)! }, 'GET');
    expect(framesIn(result)).toEqual(frames.slice(-1));
  });

  it('is not that of another project', async () => {
    const { text } = await send(callOf('add', { a: 1, b: 1 }), version('2025-11-25'));
    const id = /^id: (.+)$/m.exec(text)![1]!;
    const foreign = await keyOf(server, { projects: ['elsewhere'] });
    const { status, json } = await send(
      '',
      { 'last-event-id': id, authorization: `Bearer ${foreign}` },
      'GET',
    );
    expect([status, json.error.data.code]).toEqual([404, 'not_found']);
  });

  it('lets the execution continue when its client leaves', async () => {
    const abort = new AbortController();
    const response = await fetch(new URL('/mcp', server.url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...version('2025-11-25'),
      },
      body: JSON.stringify(callOf('later')),
      signal: abort.signal,
    });
    const id = await begun('later');
    abort.abort();
    await response.text().catch(() => undefined);
    await ended(id);
  });

  it('takes no answers from callers who may not give them', async () => {
    const { body } = await server.call('POST', '/api/executions', {
      projectId: 'demo',
      workflowRef: 'review',
      input: {},
    });
    const wait = await until('it waits', async () => (await shown(body.id)).waits?.[0]);
    const answer = {
      jsonrpc: '2.0',
      id: `wait:${wait.waitId}:1`,
      result: { action: 'accept', content: { approved: true, budget: 5 } },
    };
    const foreign = await keyOf(server, { projects: ['elsewhere'] });
    const limited = await keyOf(server, { scopes: ['executions:read', 'executions:write'] });
    for (const credential of [foreign, limited])
      expect((await send(answer, { authorization: `Bearer ${credential}` })).status).toBe(202);
    expect((await shown(body.id)).waits).toHaveLength(1);
    expect((await send(answer, { authorization: `Bearer ${ADMIN_KEY}` })).status).toBe(202);
    await ended(body.id);
    expect((await send({ ...answer, id: 'unknown' })).status).toBe(202);
  });
});
