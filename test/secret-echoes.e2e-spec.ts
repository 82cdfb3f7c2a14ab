import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import pg from 'pg';
import { parseSettings } from '../src/config/settings.js';
import { SecretCipher } from '../src/secrets/secret-cipher.js';
import {
  type FakeHttpServer,
  type ReceivedRequest,
  startFakeHttpServer,
} from './support/fake-http-server.js';
import { type Exchange, HostileMcpServer, toolNamed } from './support/hostile-mcp-server.js';
import { beginningsOf, encodings, tablesOf } from './support/secret-echoes.js';
import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const run = promisify(execFile);
const random = (): string => randomBytes(18).toString('base64url');
/** Each begins in a way that nothing else does, because the first characters of each are searched for too. */
const VALUES = {
  URL_TOKEN: `ü~${random()}/+&"'<`,
  HEADER: `Zq+/${random()}=="'&<x\\y`,
  BODY: `${random()}\n"two" lines\u2028<&>\r\n/`,
  TOOL: `${random()}%41%2f+tool`,
  MCP: `mcp:${random()}`,
  MODEL: `Wx9_${random()}`,
  OLD: `old.${random()}.(a+)+$[x]`,
  NEW: `new.${random()}\\"`,
  RETRIED: `kill ${random()}`,
  HOOK: `hook-${random()}`,
};
type Name = keyof typeof VALUES;
/** A header of the request to the model has each secret, so the fakes need not know which one they repeat. */
const leaks = beginningsOf(Object.values(VALUES));
const node = (id: string, type: string, config: object, more: object = {}) => ({
  id,
  type,
  data: { maxRetries: 0, config, ...more },
});

/** Repeats what a request brought: in the body, in headers, and in the message of an error, cut by the sender nowhere. */
function echo({ path, headers, body }: ReceivedRequest, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(path, 'http://echo');
  const given = [searchParams.get('k'), headers['x-token'] as string | undefined, secretIn(body)]
    .filter((each) => each !== null && each !== undefined)
    .map((text) => (text.startsWith('utf8:') ? Buffer.from(text.slice(5), 'base64url').toString() : text));
  const all = given.flatMap(encodings);
  const inHeaders = Object.fromEntries(
    given
      .flatMap(encodings)
      .flatMap((text, index) => (/^[\x21-\x7e]+$/.test(text) ? [[`x-echo-${index}`, text]] : [])),
  );
  switch (pathname) {
    case '/json':
      response.writeHead(200, { 'content-type': 'application/json', ...inHeaders });
      response.end(JSON.stringify({ all, [all.join()]: [{ deep: all.join(' ') }] }));
      return;
    case '/text':
      response.writeHead(200, { 'content-type': 'text/plain', ...inHeaders });
      response.end(all.join('\n'));
      return;
    case '/status':
      // The message of the failure is cut at 300 characters: somewhere in the value, wherever it begins.
      response.writeHead(Number(searchParams.get('status')), inHeaders);
      response.end(`${'.'.repeat(Number(searchParams.get('at')))}${all.join(' ')}`);
      return;
    case '/hang':
      return;
    case '/encoding':
      response.writeHead(200, { 'content-encoding': String(headers['x-token']) });
      response.end('?');
      return;
    default:
      response.writeHead(200).end('{}');
  }
}

function secretIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { secret?: string }).secret;
  } catch {
    return undefined;
  }
}

/** Speaks as a model: its text repeats its key, cut at each place; a tool call and errors repeat it too. */
function speak({ path, headers, body }: ReceivedRequest, response: ServerResponse): void {
  const key = headers.authorization!.replace('Bearer ', '');
  if (path.startsWith('/broken')) {
    response.writeHead(401, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: `${'.'.repeat(470)} ${encodings(key).join(' ')}` } }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const chunk = (delta: object, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const say = (content: string) => response.write(chunk({ content }));
  if (!body.includes('"role":"tool"') && body.includes('"tools"')) {
    say('Before the call. ');
    const calls = [key, Buffer.from(key).toString('hex')].map((id, index) => ({
      index,
      id,
      type: 'function',
      function: { name: 'look', arguments: JSON.stringify({ q: encodings(key).join(' '), [key]: index }) },
    }));
    response.end(`${chunk({ tool_calls: calls })}${chunk({}, 'tool_calls')}data: [DONE]\n\n`);
    return;
  }
  // Each value in two parts, for each place in which it can be cut.
  for (const text of [key, Buffer.from(key).toString('base64')])
    for (let at = 0; at <= text.length; at += 1) {
      say(`<${text.slice(0, at)}`);
      say(`${text.slice(at)}>`);
    }
  for (const character of encodings(key).join(' ')) say(character);
  response.write(chunk({ reasoning_content: key.slice(0, 11) }));
  response.write(chunk({ reasoning_content: key.slice(11) }));
  // The answer is cut off in the middle of the value.
  say(key.slice(0, -1));
  response.end(`${chunk({}, 'length')}data: [DONE]\n\n`);
}

describe('secrets of the store, which services repeat', () => {
  const keys = `k:${randomBytes(32).toString('base64')}`;
  let database: string;
  let upstream: FakeHttpServer;
  let models: FakeHttpServer;
  let mcp: HostileMcpServer;
  let server: Server;
  let output = '';
  /** All that clients have seen. */
  const seen: string[] = [];

  const startServer = async () => {
    server = await Server.start({
      DATABASE_URL: database,
      SECRETS_KEY: keys,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '1',
      PARK_TIMEOUT_MS: '1',
      PROCESS_CHECK_INTERVAL_MS: '50',
      DISPATCH_POLL_INTERVAL_MS: '100',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      PUBLIC_URL: 'https://agents.example.com',
      MODEL_ENDPOINTS: JSON.stringify({
        own: { baseUrl: `${models.url}/v1`, apiKey: '{{secrets.MODEL}}' },
        broken: { baseUrl: `${models.url}/broken`, apiKey: '{{secrets.MODEL}}' },
      }),
      MCP_SERVERS: JSON.stringify({
        operated: { url: mcp.url, headers: { 'x-token': '{{secrets.MCP}}' } },
      }),
    });
  };
  const set = async (name: string, value: string) =>
    expect((await server.call('PUT', `/api/secrets/demo/${name}`, { value })).status).toBe(200);

  beforeAll(async () => {
    database = await createDatabase();
    [upstream, models, mcp] = await Promise.all([
      startFakeHttpServer(echo),
      startFakeHttpServer(speak),
      HostileMcpServer.start(),
    ]);
    await startServer();
    for (const [name, value] of Object.entries(VALUES)) if (name !== 'NEW') await set(name, value);
    await set('ROTATED', VALUES.OLD);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await Promise.all([upstream.close(), models.close(), mcp.close()]);
  });

  const call = async (...args: Parameters<Server['call']>) => {
    const answer = await server.call(...args);
    seen.push(answer.text, JSON.stringify([...answer.headers]));
    return answer;
  };
  /** Watches an execution to its end, twice: live and replayed. */
  const watched = async (id: string) => {
    const live = new Watch(server.url, pathOf(id));
    const { frames } = await live.done();
    const replayed = await new Watch(server.url, pathOf(id)).done();
    expect(replayed.frames).toEqual(frames);
    const texts = ['execution:output', 'execution:thinking'].map((type) =>
      frames.flatMap((frame) => (frame.type === type ? [frame.data.chunk] : [])).join(''),
    );
    seen.push(JSON.stringify(frames), ...texts);
    await call('GET', `/api/executions/${id}`);
    await call('GET', `/api/executions/${id}/events?limit=1000`);
    return { frames, last: frames.at(-1)!, text: texts[0]! };
  };
  const started = async (nodes: object[], edges: [string, string][] = [], more: object = {}) => {
    const { status, body } = await call('POST', '/api/executions', start(nodes, edges, more));
    expect(status).toBe(202);
    return body.id;
  };
  const ended = async (...args: Parameters<typeof started>) => {
    const id = await started(...args);
    const { frames, last, text } = await watched(id);
    const shown = JSON.stringify(frames);
    expect({ id, leaks: leaks(`${shown}${text}`) }).toEqual({ id, leaks: [] });
    return { id, last, shown, text };
  };
  const http = (id: string, path: string, name: Name | 'ROTATED', more: object = {}) =>
    node(id, 'http', {
      url: `${upstream.url}${path}`,
      headers: { 'x-token': `{{secrets.${name}}}` },
      ...more,
    });

  it.each(['/json', '/text'])(
    'are redacted in the answer to an http node, wherever they were: %s',
    async (path) => {
      const nodes = [
        node('url', 'http', { url: `${upstream.url}${path}?k={{secrets.URL_TOKEN}}` }),
        http('header', path, 'HEADER'),
        node('body', 'http', {
          method: 'POST',
          url: `${upstream.url}${path}`,
          body: { secret: '{{secrets.BODY}}' },
        }),
        // What the next node sends on has no secret.
        node('next', 'http', {
          method: 'POST',
          url: `${upstream.url}/next`,
          body: { got: '{{nodes.header.output}}' },
        }),
      ];
      const { shown, last } = await ended(nodes, [['header', 'next']]);
      expect(last.type).toBe('execution:completed');
      expect(shown).toContain('[redacted]');
      const received = upstream.requests.map((request) => JSON.stringify(request)).join();
      const sent = upstream.requests.find((request) => request.path === '/next')!;
      expect(leaks(received).length).toBeGreaterThan(2);
      expect(leaks(sent.body)).toEqual([]);
      expect(sent.body).toContain('[redacted]');
    },
  );

  it('are redacted in the message of a failure, wherever that is cut', async () => {
    for (let at = 300 - VALUES.HEADER.length - 2; at <= 300; at += 5) {
      const nodes = ([400, 503] as const).flatMap((status) => [
        http(`h${status}`, `/status?status=${status}&at=${at}`, 'HEADER'),
        node(`u${status}`, 'http', {
          url: `${upstream.url}/status?status=${status}&at=${at}&k={{secrets.URL_TOKEN}}`,
        }),
      ]);
      const edges = nodes.map(({ id }): [string, string] => [id, 'end']);
      const always = {
        nodes: [...nodes, node('end', 'delay', { ms: 1 })],
        edges: edges.map(([source, target]) => ({ source, target, on: 'error' })),
      };
      const { shown } = await ended([], [], { workflow: always });
      expect(shown).toContain('responded with status 400');
    }
    await ended([http('e', '/encoding', 'MODEL')]);
  });

  it('are redacted in calls of tools and in the text and the errors of a model', async () => {
    const tool = {
      name: 'look',
      description: 'Looks.',
      inputSchema: { type: 'object' },
      http: { method: 'GET', url: `${upstream.url}/json`, headers: { 'x-token': '{{secrets.TOOL}}' } },
    };
    const config = { model: 'own/m', prompt: 'Hi' };
    const failing = { ...tool, http: { ...tool.http, url: `${upstream.url}/status?status=500&at=280` } };
    for (const each of [tool, failing, { ...tool, http: { ...tool.http, method: 'POST' } }]) {
      const { last, shown, text } = await ended([node('a', 'agent', { ...config, tools: [each] })]);
      expect(last.type).toBe('execution:completed');
      expect(shown).toContain('execution:tool-result');
      // Nothing but the secrets is missing.
      expect(text).toContain('<[redacted]><[redacted]>');
      expect(text.split('<[redacted]>').length).toBeGreaterThan(VALUES.MODEL.length);
    }
    const { last } = await ended([node('a', 'agent', { ...config, model: 'broken/m' })]);
    expect(last.data).toMatchObject({ code: 'model_auth_failed' });
  });

  it('are redacted in what MCP servers answer, also in errors that are cut', async () => {
    const given = ({ request }: Exchange) => encodings(String(request.headers['x-token'])).join(' ');
    const call_ = agent(
      'a',
      { toolCall: { name: 'echo_act', args: {} } },
      {
        mcp: [{ url: mcp.url, name: 'echo', headers: { 'x-token': '{{secrets.MCP}}' } }],
      },
    );
    const operated = agent(
      'a',
      { toolCall: { name: 'operated_act', args: {} } },
      { mcp: [{ server: 'operated' }] },
    );
    const behaviours: HostileMcpServer['behaviour'][] = [
      { 'tools/call': (exchange) => exchange.result({ content: [{ type: 'text', text: given(exchange) }] }) },
      {
        'tools/call': (exchange) =>
          exchange.result({ content: [], structuredContent: { [given(exchange)]: given(exchange) } }),
      },
      {
        'tools/call': (exchange) =>
          exchange.result({ isError: true, content: [{ type: 'text', text: given(exchange) }] }),
      },
      ...[0, 985, 990, 995].flatMap((at): HostileMcpServer['behaviour'][] => {
        const message = (exchange: Exchange) => `${'.'.repeat(at)} ${given(exchange)}`;
        const fail = (exchange: Exchange) =>
          exchange.json({
            jsonrpc: '2.0',
            id: exchange.message.id,
            error: { code: -32000, message: message(exchange) },
          });
        return [
          { 'tools/call': fail },
          { 'tools/list': fail },
          { initialize: fail },
          { initialize: (exchange) => exchange.response.writeHead(500).end(message(exchange)) },
        ];
      }),
      {
        'tools/list': (exchange) =>
          exchange.result({
            tools: [
              toolNamed('act'),
              toolNamed(given(exchange).slice(0, 250)),
              toolNamed(`${'a'.repeat(95)}${given(exchange)}`.slice(0, 255), { inputSchema: 1 }),
            ],
          }),
      },
    ];
    for (const behaviour of behaviours) {
      mcp.behaviour = behaviour;
      await ended([call_]);
      await ended([operated]);
    }
    mcp.behaviour = {};
    expect(leaks(JSON.stringify(mcp.requests)).length).toBeGreaterThan(0);
  });

  it('are redacted in children, re-runs, saved workflows, schedules, triggers and answers of the validation', async () => {
    const graph = { nodes: [http('h', '/json', 'HEADER')], edges: [] };
    expect((await call('PUT', '/api/workflows/demo/echoes', { workflow: graph })).status).toBe(201);
    await call('POST', '/api/executions/validate', { projectId: 'demo', workflow: graph });
    await call('POST', '/api/executions/validate', { projectId: 'demo', workflowRef: 'echoes' });
    const nodes = [
      node('w', 'workflow', { ref: 'echoes' }),
      node('m', 'map', { items: [1, 2], workflow: graph }),
      node('l', 'loop', { workflow: graph, while: 'index < 2', maxIterations: 3 }),
      node('f', 'workflow', {
        workflow: { nodes: [http('h', '/status?status=400&at=290', 'HEADER')], edges: [] },
      }),
    ];
    const { id } = await ended(
      nodes,
      ['w', 'm', 'l'].map((source) => [source, 'f']),
    );
    const { body } = await call('GET', `/api/executions?rootId=${id}&children=true&limit=100`);
    const children = (body['executions'] as { id: string }[]).map((each) => each.id);
    expect(children.length).toBe(6);
    for (const child of children) await watched(child);
    const rerun = await call('POST', `/api/executions/${id}/rerun`, { from: ['f'] });
    await watched(rerun.body.id);
    const byName = await call('POST', '/api/executions', {
      projectId: 'demo',
      workflowRef: 'echoes',
      input: 1,
    });
    await watched(byName.body.id);

    const trigger = { workflowRef: 'echoes', source: 'shared-secret', secret: 'HOOK', map: '{ "got": $ }' };
    expect((await call('PUT', '/api/triggers/demo/hook', trigger)).status).toBeLessThan(300);
    const hooked = await call(
      'POST',
      '/api/hooks/demo/hook',
      { a: 1 },
      { authorization: `Bearer ${VALUES.HOOK}` },
    );
    expect(hooked.status).toBe(202);
    await watched(hooked.body['executionId']);
    const wrong = await call(
      'POST',
      '/api/hooks/demo/hook',
      { a: 1 },
      { authorization: `Bearer ${VALUES.HOOK}x` },
    );
    expect(wrong.status).toBe(401);
    const schedule = { workflowRef: 'echoes', input: 1, cron: '* * * * *', timeZone: 'UTC' };
    expect((await call('PUT', '/api/schedules/demo/often', schedule)).status).toBeLessThan(300);
  });

  it('are redacted by their old and their new value, when they are replaced while an execution waits', async () => {
    const nodes = [
      http('before', '/text', 'ROTATED'),
      node('wait', 'wait', { signal: 'go' }),
      http('after', '/text', 'ROTATED'),
    ];
    const id = await started(nodes, [
      ['before', 'wait'],
      ['wait', 'after'],
    ]);
    const waiting = await new Watch(server.url, pathOf(id)).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:waiting'),
    );
    waiting.close();
    await set('ROTATED', VALUES.NEW);
    const signal = encodings(VALUES.OLD).join(' ');
    expect((await call('POST', `/api/executions/${id}/signals/go`, { signal })).status).toBe(202);
    await watched(id);
    const received = upstream.requests.slice(-2).map(({ headers }) => headers['x-token']);
    expect(received).toEqual([VALUES.OLD, VALUES.NEW]);
  });

  it('are redacted by the next process after kill -9', async () => {
    const id = await started([
      http('h', '/hang', 'RETRIED', { retryUnsafe: true }),
      node('s', 'wait', { signal: 'go' }),
      http('t', '/text', 'RETRIED'),
    ]);
    const hanging = (count: number) =>
      until('the request arrives', () =>
        Promise.resolve(upstream.requests.filter(({ path }) => path === '/hang').length >= count),
      );
    await hanging(1);
    await server.kill();
    output += server.output();
    await startServer();
    await hanging(2);
    const reason = encodings(VALUES.RETRIED)[0]!;
    expect((await call('POST', `/api/executions/${id}/signals/go`, { reason })).status).toBe(202);
    expect((await call('POST', `/api/executions/${id}/cancel`, { reason })).status).toBeLessThan(300);
    await watched(id);
  });

  it('are in nothing that anybody can read, and only the key finds them in the database', async () => {
    const pages = [
      '/',
      '/metrics',
      '/api/executions?projectId=demo&children=true',
      '/api/waits',
      '/api/secrets?projectId=demo',
      '/api/schedules?projectId=demo',
      '/api/triggers?projectId=demo',
      '/api/workflows?projectId=demo',
      '/api/workflows/demo/echoes',
      '/api/projects/demo/stats',
    ];
    for (const page of pages) await call('GET', page);
    // A process knows the values that it has used.
    for (const value of [VALUES.RETRIED]) {
      await call('GET', `/no/${encodeURIComponent(value)}`);
      await call('POST', '/api/executions', { projectId: value, workflow: value, [value]: value });
    }
    expect(leaks(seen.join('\n'))).toEqual([]);
    output += server.output();
    expect(leaks(output)).toEqual([]);
    expect(output).toContain('[redacted]');

    const tables = await tablesOf(database);
    expect(tables.size).toBeGreaterThan(20);
    for (const [table, text] of tables) expect([table, leaks(text)]).toEqual([table, []]);
    const dump = await run('pg_dump', ['--inserts', '--dbname', database], { maxBuffer: 1 << 28 }).catch(
      ({ code, stderr }: { code: unknown; stderr?: string }) => ({
        stdout: undefined,
        stderr: `${String(code)} ${stderr ?? ''}`,
      }),
    );
    if (dump.stdout === undefined) console.warn(`pg_dump was not checked: ${dump.stderr}`);
    else expect(leaks(dump.stdout)).toEqual([]);

    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const { rows } = await client.query<{
      id: string;
      project_id: string;
      name: string;
      key_id: string;
      sealed: Buffer;
    }>('SELECT id, project_id, name, key_id, sealed FROM cloutagent.secret_versions');
    await client.end();
    const cipher = new SecretCipher(parseSettings({ SECRETS_KEY: keys }));
    const values = rows.map(({ id, project_id, name, key_id, sealed }) =>
      cipher.open({ keyId: key_id, sealed }, [project_id, name, id]),
    );
    expect(new Set(values)).toEqual(new Set(Object.values(VALUES)));
  });
});
