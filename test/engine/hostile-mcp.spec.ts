import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { AgentTool } from '../../src/engine/tools/agent-tool.js';
import { type Behaviour, type Exchange, HostileMcpServer, toolNamed } from '../support/hostile-mcp-server.js';
import { isAlive } from '../support/alive.js';
import { call, TestMcp } from '../support/mcp-servers.js';

const CHILD = join(import.meta.dirname, '../support/hostile-mcp-child.mjs');
const CHILDREN = [
  'fine',
  'noise',
  'exit-at-start',
  'exit-at-discover',
  'exit-at-call',
  'silent',
  'long-line',
  'deep',
  'flood',
  'half-message',
  'wrong-id',
  'twice',
  'changes',
  'stderr-flood',
];

const text = (value: string) => ({ content: [{ type: 'text', text: value }] });
const call_ = (behave: (exchange: Exchange) => void): Behaviour => ({ 'tools/call': behave });
const list = (behave: (exchange: Exchange) => void): Behaviour => ({ 'tools/list': behave });
const status =
  (code: number, body = '') =>
  ({ response }: Exchange) =>
    void response.writeHead(code).end(body);
const body =
  (sent: string, type = 'application/json') =>
  ({ response }: Exchange) =>
    void response.writeHead(200, { 'content-type': type }).end(sent);
const silent = () => undefined;
/** Writes as fast as the client reads, until the connection ends. */
function flood({ response, stream }: Exchange, chunk: string): void {
  const events = stream();
  const write = (): void => {
    while (!response.destroyed && events.raw(chunk));
    if (!response.destroyed) response.once('drain', write);
  };
  write();
}
const request = (id: number, method: string, params: object = {}) => ({ jsonrpc: '2.0', id, method, params });

const BOMB = gzipSync(Buffer.alloc(20_000_000, ' '));

let server: HostileMcpServer;
let good: HostileMcpServer;
let mcp: TestMcp;
let folder: string;

beforeAll(async () => {
  server = await HostileMcpServer.start();
  good = await HostileMcpServer.start();
  folder = await mkdtemp(join(tmpdir(), 'mcp-'));
  const children = CHILDREN.map(
    (name) => [name, { command: process.execPath, args: [CHILD, name] }] as const,
  );
  mcp = new TestMcp({
    MCP_CONNECT_TIMEOUT_MS: '1500',
    MCP_TIMEOUT_MS: '600',
    MCP_TOTAL_TIMEOUT_MS: '1200',
    MCP_MAX_TOOLS: '20',
    MCP_RESPONSE_MAX_BYTES: '200000',
    OUTPUT_MAX_BYTES: '100000',
    MCP_SERVERS: JSON.stringify({
      http: { url: server.url },
      good: { url: good.url, timeoutMs: 10_000 },
      narrow: { url: good.url, tools: ['act'], approval: 'always' },
      sometimes: { url: good.url, approval: { when: 'args.n > 1', assignees: ['boss'] } },
      missing: { command: '/does/not/exist' },
      'bad-folder': { command: process.execPath, cwd: '/does/not/exist' },
      ...Object.fromEntries(children),
    }),
  });
});
afterAll(async () => {
  await mcp.close();
  await server.close();
  await good.close();
});
beforeEach(() => {
  server.behaviour = {};
  server.messages.splice(0);
  server.requests.splice(0);
});

/** Runs work against the hostile server, while another execution uses a good one. Both must end. */
async function besideGood<T>(work: () => Promise<T>): Promise<T> {
  const [result, other] = await Promise.all([
    work(),
    mcp.use({ server: 'good' }, (tools) => call(tools, 'good/act')),
  ]);
  expect(other).toEqual({ result: 'fine', isError: false });
  return result;
}

describe('A hostile MCP server, when its tools are listed', () => {
  const DUPLICATES = { tools: [toolNamed('act'), toolNamed('act')] };

  it.each<[string, Behaviour, RegExp]>([
    ['never answers', { 'server/discover': silent }, /did not answer|timed out/i],
    ['never answers initialize', { initialize: silent }, /did not answer/],
    ['never lists', list(silent), /did not (answer|list)/],
    ['has status 500', { 'server/discover': status(500), initialize: status(500, 'oops') }, /500|oops/],
    ['has status 401', { 'server/discover': status(401), initialize: status(401) }, /401|unauthorized/i],
    ['has status 404', { 'server/discover': status(404), initialize: status(404) }, /404/],
    [
      'redirects',
      {
        'server/discover': ({ response }) =>
          void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
      },
      /redirects/,
    ],
    [
      'redirects to itself',
      list(({ response }) => void response.writeHead(308, { location: '/mcp' }).end()),
      /redirects/,
    ],
    [
      'ends the connection',
      { 'server/discover': ({ response }) => void response.destroy() },
      /lost|connection/i,
    ],
    ['ends the connection of the list', list(({ response }) => void response.destroy()), /lost|connection/i],
    [
      'answers with HTML',
      { 'server/discover': body('<html>'), initialize: body('<html>', 'text/html') },
      /content type|html/i,
    ],
    ['answers with broken JSON', list(body('{"jsonrpc":')), /JSON|answer/i],
    ['answers with JSON of another kind', list(body('[1,2,3]')), /answer|invalid|expected/i],
    ['answers with an empty body', list(body('')), /JSON|answer/i],
    [
      'answers initialize with garbage',
      { initialize: ({ result }) => result({ protocolVersion: 7 }) },
      /invalid|expected/i,
    ],
    [
      'has an unknown version of the protocol',
      {
        initialize: ({ result }) =>
          result({
            protocolVersion: '1999-01-01',
            capabilities: {},
            serverInfo: { name: 'x', version: '1' },
          }),
      },
      /1999-01-01/,
    ],
    ['lists no array', list(({ result }) => result({ tools: 'all' })), /invalid|expected/i],
    [
      'answers with an error',
      list(({ json, message }) =>
        json({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'on strike' } }),
      ),
      /on strike/,
    ],
    [
      'answers with an enormous error',
      list(({ json, message }) =>
        json({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'x'.repeat(100_000) } }),
      ),
      /^.{100,2000}$/s,
    ],
    [
      'lists pages without end',
      list(({ result, message }) =>
        result({ tools: [], nextCursor: `${Number(message.params?.cursor ?? 0) + 1}` }),
      ),
      /more than 50 pages/,
    ],
    ['repeats a page', list(({ result }) => result({ tools: [], nextCursor: 'again' })), /repeats a page/],
    [
      'lists too many tools',
      list(({ result }) => result({ tools: Array.from({ length: 21 }, (_, n) => toolNamed(`t${n}`)) })),
      /more than 20 tools \(MCP_MAX_TOOLS\)/,
    ],
    [
      'lists an endless body',
      list(({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const write = (): void => {
          while (!response.destroyed && response.write('x'.repeat(16_384)));
          if (!response.destroyed) response.once('drain', write);
        };
        write();
      }),
      /MCP_RESPONSE_MAX_BYTES/,
    ],
    [
      'lists a body that is too deep',
      list(
        ({ response }) =>
          void response.writeHead(200, { 'content-type': 'application/json' }).end('['.repeat(100_000)),
      ),
      /deep/,
    ],
    [
      'lists with an id that was not asked for',
      list(({ json }) => json({ jsonrpc: '2.0', id: 999, result: DUPLICATES })),
      /did not (answer|list)/,
    ],
    ['ends the stream without the list', list(({ stream }) => stream().end()), /ended|closed|did not|lost/i],
    [
      'floods the stream',
      list((exchange) =>
        flood(
          exchange,
          `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } })}\n\n`,
        ),
      ),
      /MCP_RESPONSE_MAX_BYTES|messages/,
    ],
  ])('%s: the node may be retried', async (_title, behaviour, message) => {
    server.behaviour = behaviour;
    await besideGood(async () => {
      await expect(mcp.use({ server: 'http' }, () => Promise.resolve())).rejects.toMatchObject({
        code: 'mcp_unavailable',
        name: 'TransientError',
        message: expect.stringMatching(message),
      });
    });
  });

  it.each<[string, object[], string[]]>([
    ['two tools of one name', DUPLICATES.tools, ['http/act']],
    [
      'names that providers refuse',
      [toolNamed('a b/ü.1'), toolNamed('a.b')],
      [expect.stringMatching(/^http\/a_b___1_\w{8}$/), expect.stringMatching(/^http\/a_b_\w{8}$/)] as never,
    ],
    [
      'names that differ in refused characters only',
      [toolNamed('a.b'), toolNamed('a:b')],
      [expect.stringMatching(/^http\/a_b_\w{8}$/), expect.stringMatching(/^http\/a_b_\w{8}$/)] as never,
    ],
    ['a name that is too long', [toolNamed('n'.repeat(300)), toolNamed('act')], ['http/act']],
    ['a long name', [toolNamed('n'.repeat(200))], [expect.stringMatching(/^http\/n{91}_\w{8}$/)] as never],
    [
      'no name',
      [toolNamed(''), { inputSchema: {} }, null as never, 7 as never, toolNamed('act')],
      ['http/act'],
    ],
    ['a schema that is none', [toolNamed('x', { inputSchema: 'any' }), toolNamed('act')], ['http/act']],
    [
      'a schema of another type',
      [toolNamed('x', { inputSchema: { type: 'array' } }), toolNamed('act')],
      ['http/act'],
    ],
    [
      'wrong properties',
      [toolNamed('x', { inputSchema: { type: 'object', properties: [] } }), toolNamed('act')],
      ['http/act'],
    ],
    [
      'an enormous schema',
      [
        toolNamed('x', { inputSchema: { type: 'object', description: 'x'.repeat(40_000) } }),
        toolNamed('act'),
      ],
      ['http/act'],
    ],
    [
      'a catastrophic regular expression',
      [
        toolNamed('act', {
          inputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
          outputSchema: { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
        }),
      ],
      ['http/act'],
    ],
    [
      'an output schema that is not valid',
      [toolNamed('act', { outputSchema: { type: 'object', $ref: 'http://127.0.0.1:1/' } })],
      ['http/act'],
    ],
  ])('lists %s: the good tools can be used', async (_title, tools, names) => {
    server.behaviour = {
      ...list(({ result }) => result({ tools })),
      ...call_(({ result }) => result({ ...text('fine'), structuredContent: { a: `${'a'.repeat(60)}!` } })),
    };
    await besideGood(async () => {
      const listed = await mcp.use({ server: 'http' }, async (given) => {
        const output = await given[0]!.call({
          args: { a: 'x' },
          idempotencyKey: 'k',
          signal: new AbortController().signal,
        });
        expect(output.isError).toBe(false);
        return given;
      });
      expect(listed.map(({ name }) => name)).toEqual(names);
      expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
    });
  });

  it('shortens a description', async () => {
    server.behaviour = list(({ result }) =>
      result({ tools: [toolNamed('act', { description: 'd'.repeat(50_000) })] }),
    );
    const [tool] = await mcp.use({ server: 'http' }, (tools) => Promise.resolve(tools));
    expect(tool!.description).toHaveLength(4_000);
  });
});

describe('A hostile MCP server, when a tool is called', () => {
  const again = async (tools: readonly AgentTool[]) => {
    server.behaviour = {};
    return call(tools, 'http/act');
  };

  it.each<[string, Behaviour, RegExp]>([
    ['never answers', call_(silent), /did not answer within 600 ms/],
    ['never ends its stream', call_(({ stream }) => void stream()), /did not answer within 600 ms/],
    [
      'reports progress without end',
      call_(({ stream, message, response }) => {
        const events = stream();
        let progress = 0;
        const timer = setInterval(
          () =>
            events.send({
              jsonrpc: '2.0',
              method: 'notifications/progress',
              params: { progressToken: message.params?._meta?.progressToken, progress: (progress += 1) },
            }),
          100,
        );
        response.on('close', () => clearInterval(timer));
      }),
      /did not answer within \d+ ms/,
    ],
    ['ends the connection', call_(({ response }) => void response.destroy()), /lost|connection/i],
    ['ends the stream without a result', call_(({ stream }) => stream().end()), /ended the stream/],
    [
      'breaks off in a message',
      call_(({ stream, response }) => {
        stream().raw('data: {"jsonrpc"');
        response.destroy();
      }),
      /ended|closed|did not|lost|terminated/i,
    ],
    [
      'redirects',
      call_(({ response }) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()),
      /redirects/,
    ],
    ['has status 500', call_(status(500, 'out of order')), /500|out of order/],
    ['has status 404, as for an ended session', call_(status(404)), /404|session/i],
    ['answers with HTML', call_(body('<html>', 'text/html')), /content type|html/i],
    ['answers with broken JSON', call_(body('{')), /JSON|answer/i],
    [
      'answers with another id',
      call_(({ json }) => json({ jsonrpc: '2.0', id: 12_345, result: text('x') })),
      /did not answer/,
    ],
    [
      'answers with an object as id',
      call_(({ json }) => json({ jsonrpc: '2.0', id: {}, result: text('x') })),
      /did not answer|invalid|expected/i,
    ],
    [
      'answers with garbage as content',
      call_(({ result }) => result({ content: 'text' })),
      /invalid|expected/i,
    ],
    [
      'answers with parts of an unknown kind',
      call_(({ result }) => result({ content: [{ type: 'hologram', data: 'x' }] })),
      /invalid|expected|kind/i,
    ],
    [
      'answers with an error of the protocol',
      call_(({ json, message }) =>
        json({ jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'Tool act not found' } }),
      ),
      /Tool act not found/,
    ],
    [
      'answers with an error of the tool',
      call_(({ result }) => result({ ...text('no such customer'), isError: true })),
      /^no such customer$/,
    ],
    [
      'sends what is no base64',
      call_(({ result }) =>
        result({ content: [{ type: 'image', mimeType: 'image/png', data: '<script>' }] }),
      ),
      /base64/i,
    ],
    [
      'answers with a text that is too long',
      call_(({ result }) => result(text('x'.repeat(150_000)))),
      /OUTPUT_MAX_BYTES/,
    ],
    [
      'answers with enormous base64',
      call_(({ result }) =>
        result({ content: [{ type: 'image', mimeType: 'image/png', data: 'A'.repeat(120_000) }] }),
      ),
      /OUTPUT_MAX_BYTES/,
    ],
    [
      'answers with an enormous body',
      call_(({ result }) => result(text('x'.repeat(5_000_000)))),
      /MCP_RESPONSE_MAX_BYTES/,
    ],
    [
      'answers with a result that is too deep',
      call_(
        ({ response, message }) =>
          void response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(
              `{"jsonrpc":"2.0","id":${message.id},"result":{"content":[],"structuredContent":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}}`,
            ),
      ),
      /deep/,
    ],
    [
      'answers with too many parts',
      call_(({ result }) =>
        result({ content: [], structuredContent: { a: Array.from({ length: 30_000 }, () => ({})) } }),
      ),
      /OUTPUT_MAX_PARTS/,
    ],
    [
      'floods with notifications',
      call_((exchange) =>
        flood(
          exchange,
          `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'x' } })}\n\n`,
        ),
      ),
      /MCP_RESPONSE_MAX_BYTES|messages/,
    ],
    [
      'floods with comments',
      call_((exchange) => flood(exchange, ': keep-alive\n\n')),
      /MCP_RESPONSE_MAX_BYTES/,
    ],
    [
      'sends a line without end',
      call_((exchange) => flood(exchange, 'x'.repeat(10_000))),
      /MCP_RESPONSE_MAX_BYTES/,
    ],
    [
      'sends a flood of requests',
      call_(({ stream }) => {
        const events = stream();
        for (let id = 0; id < 300; id += 1)
          events.send(request(id, 'sampling/createMessage', { messages: [], maxTokens: 1 }));
      }),
      /more than 100 requests of its own/,
    ],
    [
      'sends a body that is compressed a thousand times',
      call_(
        ({ response }) =>
          void response
            .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
            .end(BOMB),
      ),
      /MCP_RESPONSE_MAX_BYTES/,
    ],
    [
      'claims an encoding that is wrong',
      call_(
        ({ response }) =>
          void response
            .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
            .end('{}'),
      ),
      /./,
    ],
  ])('%s: the model can read it', async (_title, behaviour, message) => {
    server.behaviour = behaviour;
    await besideGood(() =>
      mcp.use({ server: 'http' }, async (tools) => {
        const output = await call(tools, 'http/act');
        expect(output).toEqual({ result: expect.stringMatching(message), isError: true });
        expect((output.result as string).length).toBeLessThan(2_000);
        // The next call of the same attempt works, if the server behaves.
        expect(await again(tools)).toEqual({ result: 'fine', isError: false });
      }),
    );
  });

  it.each<[string, Behaviour, unknown]>([
    [
      'asks for a model, for roots and for the user',
      call_(({ stream, message }) => {
        const events = stream();
        events.send(request(1, 'sampling/createMessage', { messages: [], maxTokens: 1 }));
        events.send(request(2, 'roots/list'));
        events.send(
          request(3, 'elicitation/create', {
            message: 'password?',
            requestedSchema: { type: 'object', properties: {} },
          }),
        );
        events.send({ jsonrpc: '2.0', id: message.id, result: text('fine') });
        events.end();
      }),
      'fine',
    ],
    [
      'answers twice',
      call_(({ stream, message }) => {
        const events = stream();
        events.send({ jsonrpc: '2.0', id: message.id, result: text('first') });
        events.send({ jsonrpc: '2.0', id: message.id, result: text('second') });
        events.end();
      }),
      'first',
    ],
    [
      'sends progress for others',
      call_(({ stream, message }) => {
        const events = stream();
        events.send({
          jsonrpc: '2.0',
          method: 'notifications/progress',
          params: { progressToken: 'other', progress: 1 },
        });
        events.send({ jsonrpc: '2.0', id: message.id, result: text('fine') });
        events.end();
      }),
      'fine',
    ],
    [
      'answers and does not end its stream',
      call_(
        ({ stream, message }) => void stream().send({ jsonrpc: '2.0', id: message.id, result: text('fine') }),
      ),
      'fine',
    ],
    [
      'sends an image of another kind',
      call_(({ result }) =>
        result({ content: [{ type: 'image', mimeType: 'image/svg+xml', data: 'PHN2Zz4=' }] }),
      ),
      expect.stringContaining('left out'),
    ],
    ['sends no content', call_(({ result }) => result({ content: [] })), ''],
  ])('%s: the call has a result', async (_title, behaviour, result) => {
    server.behaviour = behaviour;
    await besideGood(async () => {
      const output = await mcp.use({ server: 'http' }, (tools) => call(tools, 'http/act'));
      expect(output).toEqual({ result, isError: false });
    });
  });

  it('refuses the requests of the server with an error', async () => {
    server.behaviour = call_(({ stream, message }) => {
      const events = stream();
      events.send(request(1, 'sampling/createMessage', { messages: [], maxTokens: 1 }));
      events.send(request(2, 'roots/list'));
      events.send(
        request(3, 'elicitation/create', {
          message: 'password?',
          requestedSchema: { type: 'object', properties: {} },
        }),
      );
      server.behaviour = { ...server.behaviour, '': () => undefined };
      const answered = () => server.messages.filter(({ error }) => error !== undefined).length;
      const timer = setInterval(() => {
        if (answered() < 3) return;
        clearInterval(timer);
        events.send({ jsonrpc: '2.0', id: message.id, result: text('fine') });
        events.end();
      }, 10);
    });
    await mcp.use({ server: 'http' }, (tools) => call(tools, 'http/act'));
    const refusals = server.messages.filter(({ error }) => error !== undefined);
    expect(refusals.map(({ id }) => Number(id)).toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
    expect(refusals[0]!.error).toMatchObject({ code: -32601 });
  });

  it('changes its tools in the middle: the call fails, and the next attempt sees the new list', async () => {
    await mcp.use({ server: 'http' }, async (tools) => {
      server.behaviour = {
        ...list(({ result }) => result({ tools: [toolNamed('other')] })),
        ...call_(({ json, message }) =>
          json({
            jsonrpc: '2.0',
            id: message.id,
            error: { code: -32602, message: `Unknown tool: ${message.params?.name}` },
          }),
        ),
      };
      expect(await call(tools, 'http/act')).toEqual({
        result: expect.stringContaining('Unknown tool: act'),
        isError: true,
      });
    });
    const tools = await mcp.use({ server: 'http' }, (listed) => Promise.resolve(listed));
    expect(tools.map(({ name }) => name)).toEqual(['http/other']);
  });

  it('sends the key of the call, and the same arguments', async () => {
    await mcp.use({ server: 'http' }, (tools) => call(tools, 'http/act', { amount: 5 }));
    const sent = server.messages.find(({ method }) => method === 'tools/call')!;
    expect(sent.params).toMatchObject({
      name: 'act',
      arguments: { amount: 5 },
      _meta: { 'cloutagent/idempotencyKey': 'key-1' },
    });
  });

  it('has a session, which ends with the attempt', async () => {
    server.behaviour = {
      initialize: ({ response, message }) =>
        void response
          .writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
          .end(
            JSON.stringify({
              jsonrpc: '2.0',
              id: message.id,
              result: {
                protocolVersion: '2025-06-18',
                capabilities: { tools: {} },
                serverInfo: { name: 'x', version: '1' },
              },
            }),
          ),
    };
    await mcp.use({ server: 'http' }, (tools) => call(tools, 'http/act'));
    expect(server.requests.at(-1)).toMatchObject({
      method: 'DELETE',
      headers: { 'mcp-session-id': 'session-1' },
    });
    const sent = server.requests.filter(({ headers }) => headers['mcp-session-id'] === 'session-1');
    // The notification, the list, the call, and the end.
    expect(sent).toHaveLength(4);
  });

  it('ends at once when the execution is cancelled', async () => {
    server.behaviour = call_(silent);
    const controller = new AbortController();
    await mcp.use({ server: 'http' }, async (tools) => {
      const calling = call(tools, 'http/act', {}, controller.signal);
      controller.abort(new Error('cancelled'));
      await expect(calling).rejects.toThrow('cancelled');
    });
  });
});

describe('A hostile MCP server that is a child process', () => {
  it.each<[string, RegExp]>([
    ['missing', /has ended \(code 127\)/],
    ['bad-folder', /ENOENT|ended/],
    ['exit-at-start', /has ended \(code 3\)/],
    ['exit-at-discover', /has ended \(code 4\)/],
    ['silent', /did not answer/],
  ])('%s: the node may be retried', async (name, message) => {
    await besideGood(async () => {
      await expect(mcp.use({ server: name }, () => Promise.resolve())).rejects.toMatchObject({
        code: 'mcp_unavailable',
        message: expect.stringMatching(message),
      });
    });
  });

  it.each<[string, RegExp]>([
    ['exit-at-call', /has ended \(code 5\)/],
    ['long-line', /MCP_RESPONSE_MAX_BYTES/],
    ['deep', /deep/],
    ['flood', /MCP_RESPONSE_MAX_BYTES|messages/],
    ['half-message', /did not answer/],
    ['wrong-id', /did not answer/],
  ])('%s: the model can read it, and the next attempt has a new child', async (server_, message) => {
    await besideGood(async () => {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const output = await mcp.use({ server: server_ }, (tools) => call(tools, `${server_}/act`));
        expect(output).toEqual({ result: expect.stringMatching(message), isError: true });
      }
    });
  });

  it.each(['noise', 'twice', 'stderr-flood'])('%s: the call has a result', async (name) => {
    const output = await besideGood(() => mcp.use({ server: name }, (tools) => call(tools, `${name}/act`)));
    expect(output).toEqual({ result: 'fine', isError: false });
  });

  it('reads the list again after the server says that it has changed', async () => {
    await mcp.use({ server: 'changes' }, (tools) => call(tools, 'changes/act'));
    const tools = await mcp.use({ server: 'changes' }, (listed) => Promise.resolve(listed));
    expect(tools.map(({ name }) => name)).toEqual(['changes/other']);
  });

  it('leaves no process when this server stops, not even the children of the child', async () => {
    const file = join(folder, 'pids');
    const other = new TestMcp({
      MCP_SERVERS: JSON.stringify({ g: { command: process.execPath, args: [CHILD, 'grandchild', file] } }),
    });
    await other.use({ server: 'g' }, (tools) => call(tools, 'g/act'));
    const pids = (await readFile(file, 'utf8')).split(' ').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    await other.close();
    while (pids.some(isAlive)) await setImmediate();
  });
});

describe('The config of MCP servers', () => {
  it('names the known servers if one is unknown', () => {
    const config = { server: 'http2', retryUnsafe: false } as never;
    expect(mcp.servers.problems([config])).toEqual([
      { path: [0, 'server'], message: expect.stringContaining('The servers are: http, good') },
    ]);
  });

  it('refuses two servers of one name, and a URL that is none', () => {
    const problems = mcp.servers.problems([
      { server: 'http' },
      { url: 'ftp://example.com', name: 'http' },
    ] as never);
    expect(problems.map(({ path }) => path)).toEqual([[1, 'url'], [1]]);
  });

  it('does not connect to a private address that only the author of the agent names', async () => {
    await expect(mcp.use({ url: good.url }, () => Promise.resolve())).rejects.toMatchObject({
      code: 'host_not_allowed',
    });
  });

  it('does not let an agent loosen the approval of the operator', async () => {
    const [tool] = await mcp.use({ server: 'narrow', approval: 'never' }, (tools) => Promise.resolve(tools));
    expect(tool!.approval).toEqual({ onExpire: 'deny' });
  });

  it.each<['never' | 'always' | { when: string; onExpire: 'deny' }, string | undefined]>([
    ['never', 'args.n > 1'],
    [{ when: 'false', onExpire: 'deny' }, 'args.n > 1'],
    ['always', undefined],
  ])('lets an agent tighten it only: %j', async (approval, when) => {
    const [tool] = await mcp.use({ server: 'sometimes', approval }, (tools) => Promise.resolve(tools));
    expect(tool!.approval).toEqual({ when, assignees: ['boss'], onExpire: 'deny' });
  });
});

describe('OAuth by client credentials', () => {
  let issuer: Server;
  let issued: string[];
  let lifetime: number;
  let metadata: object;
  beforeEach(async () => {
    issued = [];
    lifetime = 3_600;
    issuer = createServer((incoming, response) => {
      if (incoming.url!.startsWith('/.well-known/')) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
        return;
      }
      issued.push(`token-${issued.length + 1}`);
      const isRight = incoming.headers.authorization === `Basic ${btoa('me:a-secret-value')}`;
      response
        .writeHead(isRight ? 200 : 401, { 'content-type': 'application/json' })
        .end(
          isRight
            ? JSON.stringify({ access_token: issued.at(-1), token_type: 'Bearer', expires_in: lifetime })
            : '{}',
        );
    });
    await once(issuer.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(() => issuer.close());

  const withOAuth = (secret: string) =>
    new TestMcp({
      MCP_SERVERS: JSON.stringify({
        o: {
          url: server.url,
          oauth: {
            clientId: 'me',
            clientSecret: secret,
            tokenUrl: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/token`,
          },
        },
      }),
    });

  it('shares one token, and gets a new one when the server refuses it', async () => {
    const client = withOAuth('a-secret-value');
    await Promise.all([1, 2].map(() => client.use({ server: 'o' }, (tools) => call(tools, 'o/act'))));
    expect(issued).toEqual(['token-1']);
    const refuse = ({ request: { headers }, response, message, json }: Exchange) => {
      if (headers.authorization === 'Bearer token-1') response.writeHead(401).end();
      else json({ jsonrpc: '2.0', id: message.id, result: text('fine') });
    };
    server.behaviour = call_(refuse);
    const output = await client.use({ server: 'o' }, (tools) => call(tools, 'o/act'));
    expect(output).toEqual({ result: 'fine', isError: false });
    expect(issued).toEqual(['token-1', 'token-2']);
    await client.close();
  });

  it('finds out where tokens are issued', async () => {
    const origin = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    server.behaviour = {
      'GET /.well-known/oauth-protected-resource/mcp': ({ json }) =>
        json({ resource: server.url, authorization_servers: [origin] }),
    };
    metadata = {
      issuer: origin,
      token_endpoint: `${origin}/token`,
      authorization_endpoint: `${origin}/a`,
      response_types_supported: ['code'],
    };
    const client = new TestMcp({
      MCP_SERVERS: JSON.stringify({
        o: { url: server.url, oauth: { clientId: 'me', clientSecret: 'a-secret-value' } },
      }),
    });
    const output = await client.use({ server: 'o' }, (tools) => call(tools, 'o/act'));
    expect(output.isError).toBe(false);
    expect(server.requests.at(-1)!.headers.authorization).toBe('Bearer token-1');
    await client.close();
  });

  it('says what to check if no token is issued, without the secret', async () => {
    const client = withOAuth('another-secret-value');
    const failed = client.use({ server: 'o' }, () => Promise.resolve());
    await expect(failed).rejects.toMatchObject({
      code: 'mcp_unavailable',
      message: expect.stringContaining('clientSecret'),
    });
    await expect(failed).rejects.not.toThrow('another-secret-value');
    await client.close();
  });
});
