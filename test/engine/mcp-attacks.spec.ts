import { setImmediate } from 'node:timers/promises';
import { type Behaviour, type Exchange, HostileMcpServer, toolNamed } from '../support/hostile-mcp-server.js';
import { call, TestMcp } from '../support/mcp-servers.js';

const text = (value: string) => ({ content: [{ type: 'text', text: value }] });
const onCall = (behave: (exchange: Exchange) => unknown): Behaviour => ({
  'tools/call': (exchange) => void behave(exchange),
});
const onList = (behave: (exchange: Exchange) => void): Behaviour => ({ 'tools/list': behave });

let server: HostileMcpServer;
let mcp: TestMcp;
/** Its time limits are so long that only other limits end a call. */
let patientMcp: TestMcp;
const unhandled: unknown[] = [];
const noteUnhandled = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', noteUnhandled);
  server = await HostileMcpServer.start();
  const settings = { HTTP_ALLOWED_HOSTS: '127.0.0.1', MCP_RESPONSE_MAX_BYTES: '200000' };
  mcp = new TestMcp({
    ...settings,
    MCP_CONNECT_TIMEOUT_MS: '1500',
    MCP_TIMEOUT_MS: '600',
    MCP_TOTAL_TIMEOUT_MS: '1500',
  });
  patientMcp = new TestMcp({ ...settings, MCP_CONNECT_TIMEOUT_MS: '60000', MCP_TIMEOUT_MS: '60000' });
});
afterAll(async () => {
  await mcp.close();
  await patientMcp.close();
  await server.close();
  process.off('unhandledRejection', noteUnhandled);
});
beforeEach(() => {
  server.behaviour = {};
  server.messages.splice(0);
  server.requests.splice(0);
});
// A rejection that nothing handles ends the process, and with it all executions.
afterEach(async () => {
  await setImmediate();
  expect(unhandled.splice(0)).toEqual([]);
});

const evil = () => ({ url: server.url, name: 'evil' });
const count = (method: string) => server.messages.filter((message) => message.method === method).length;

describe('A server that an agent names by its URL', () => {
  it.each<[string, Behaviour, RegExp]>([
    [
      'sends headers without end',
      onList(({ response }) => {
        const { socket } = response;
        socket!.write('HTTP/1.1 200 OK\r\n');
        const write = () => {
          while (!socket!.destroyed && socket!.write(`x-header: ${'a'.repeat(1_000)}\r\n`));
          if (!socket!.destroyed) socket!.once('drain', write);
        };
        write();
      }),
      /lost|header/i,
    ],
    [
      'answers in another protocol',
      { initialize: ({ response }) => void response.socket!.end('SSH-2.0-OpenSSH_9.9\r\n') },
      /lost|HTTP/i,
    ],
    [
      'says that its answer is longer than it is',
      onList(({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '9999' });
        response.write('{"jsonrpc":"2.0"', () => response.destroy());
      }),
      /lost|terminated|closed|ended/i,
    ],
    [
      'sends one byte every now and then',
      onList(({ response }) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 100);
        response.on('close', () => clearInterval(timer));
      }),
      /did not (answer|list)/,
    ],
    [
      'sends comments instead of its tools',
      onList(({ stream, response }) => {
        const events = stream();
        const timer = setInterval(() => events.raw(': wait\n\n'), 50);
        response.on('close', () => clearInterval(timer));
      }),
      /did not (answer|list)/,
    ],
    [
      'is compressed in a way that is none',
      onList(
        ({ response }) =>
          void response
            .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
            .end('not gzip'),
      ),
      /./,
    ],
  ])('%s: its tools are unavailable', async (_title, behaviour, message) => {
    server.behaviour = behaviour;
    await expect(mcp.use(evil(), () => Promise.resolve())).rejects.toMatchObject({
      code: 'mcp_unavailable',
      message: expect.stringMatching(message),
    });
  });

  it('gives names of JavaScript itself to its tools', async () => {
    const names = ['__proto__', 'constructor', 'toString'];
    server.behaviour = onList(({ result }) => result({ tools: names.map((name) => toolNamed(name)) }));
    await mcp.use(evil(), async (tools) => {
      expect(tools.map(({ name }) => name)).toEqual(names.map((name) => `evil/${name}`));
      expect(await call(tools, 'evil/__proto__')).toEqual({ result: 'fine', isError: false });
    });
  });

  it('gives two tools names that become the same', async () => {
    server.behaviour = onList(({ result }) => result({ tools: [toolNamed('a b'), toolNamed('a.b')] }));
    await mcp.use(evil(), async (tools) => {
      expect(new Set(tools.map(({ name }) => name)).size).toBe(2);
      for (const { name } of tools) await call(tools, name);
    });
    const called = server.messages.filter(({ method }) => method === 'tools/call');
    expect(called.map(({ params }) => params?.name)).toEqual(['a b', 'a.b']);
  });

  it('gets a call once, also when the answer is lost', async () => {
    server.behaviour = onCall(({ response }) => void response.destroy());
    const output = await mcp.use(evil(), (tools) => call(tools, 'evil/act'));
    expect(output.isError).toBe(true);
    expect(count('tools/call')).toBe(1);
  });

  it('gets an error for a session that it has forgotten, and the next attempt has a new one', async () => {
    server.behaviour = {
      initialize: ({ response, json, message }) => {
        response.setHeader('mcp-session-id', `session-${count('initialize')}`);
        json({
          jsonrpc: '2.0',
          id: message.id,
          result: {
            protocolVersion: '2025-06-18',
            capabilities: { tools: {} },
            serverInfo: { name: 'x', version: '1' },
          },
        });
      },
      'tools/call': ({ request, response, result }) =>
        request.headers['mcp-session-id'] === 'session-1'
          ? void response.writeHead(404).end()
          : result(text('new session')),
    };
    const first = await mcp.use(evil(), (tools) => call(tools, 'evil/act'));
    expect(first).toEqual({ result: expect.any(String), isError: true });
    const second = await mcp.use(evil(), (tools) => call(tools, 'evil/act'));
    expect(second).toEqual({ result: 'new session', isError: false });
  });

  it('cannot hold an attempt open: the end of a session is not awaited for long', async () => {
    server.behaviour = {
      initialize: ({ response, json, message }) => {
        response.setHeader('mcp-session-id', 'session-1');
        json({
          jsonrpc: '2.0',
          id: message.id,
          result: {
            protocolVersion: '2025-06-18',
            capabilities: { tools: {} },
            serverInfo: { name: 'x', version: '1' },
          },
        });
      },
      'DELETE /mcp': () => undefined,
    };
    await mcp.use(evil(), () => Promise.resolve());
    expect(server.requests.map(({ method }) => method)).toContain('DELETE');
  });

  it('cannot make calls of one attempt wait for each other', async () => {
    const othersEnded = Promise.withResolvers<void>();
    server.behaviour = onCall(async ({ message, result }) => {
      const { text: order } = message.params!['arguments'] as { text?: string };
      if (order === 'hang') await othersEnded.promise;
      result(text(order === 'hang' ? 'slow' : 'fast'));
    });
    await patientMcp.use(evil(), async (tools) => {
      const hanging = call(tools, 'evil/act', { text: 'hang' });
      const outputs = await Promise.all(Array.from({ length: 20 }, () => call(tools, 'evil/act')));
      expect(outputs.every(({ result }) => result === 'fast')).toBe(true);
      othersEnded.resolve();
      expect(await hanging).toEqual({ result: 'slow', isError: false });
    });
  });

  it('loses the connection of a call that is cancelled', async () => {
    const gone = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    server.behaviour = onCall(({ response, stream }) => {
      stream();
      response.flushHeaders();
      response.on('close', gone.resolve);
      began.resolve();
    });
    const controller = new AbortController();
    await mcp.use(evil(), async (tools) => {
      const called = call(tools, 'evil/act', {}, controller.signal);
      await began.promise;
      controller.abort(new Error('cancelled'));
      await expect(called).rejects.toThrow('cancelled');
    });
    await gone.promise;
  });

  it.each([
    ['may ask 60 times in each of two minutes', 61_000, { result: 'fine', isError: false }],
    [
      'may not ask 120 times in a minute',
      0,
      { result: expect.stringMatching(/within a minute/), isError: true },
    ],
  ])('%s', async (_title, later, output) => {
    const now = performance.now.bind(performance);
    server.behaviour = onCall(async ({ message, ...exchange }) => {
      const events = exchange.stream();
      const answered = server.messages.length;
      const ask = async (pings: number) => {
        const until = server.messages.length + pings;
        for (let id = 1; id <= pings; id += 1) events.send({ jsonrpc: '2.0', id, method: 'ping' });
        while (server.messages.length < until && server.messages.length - answered < 100)
          await setImmediate();
      };
      await ask(60);
      performance.now = () => now() + later;
      await ask(60);
      events.send({ jsonrpc: '2.0', id: message.id, result: text('fine') });
      events.end();
    });
    try {
      expect(await patientMcp.use(evil(), (tools) => call(tools, 'evil/act'))).toEqual(output);
    } finally {
      performance.now = now;
    }
  });

  it('does not keep its memory: 20 floods at once', async () => {
    const chunk = 'x'.repeat(65_536);
    server.behaviour = onCall(({ response, stream }) => {
      const events = stream();
      const write = (): void => {
        while (!response.destroyed && events.raw(chunk));
        if (!response.destroyed) response.once('drain', write);
      };
      write();
    });
    const before = process.memoryUsage().rss;
    const outputs = await Promise.all(
      Array.from({ length: 20 }, () => patientMcp.use(evil(), (tools) => call(tools, 'evil/act'))),
    );
    expect(outputs.map(({ isError }) => isError)).toEqual(Array.from({ length: 20 }, () => true));
    expect(JSON.stringify(outputs)).toContain('MCP_RESPONSE_MAX_BYTES');
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000);
  });

  it('loses the connection of a call that took too long', async () => {
    const gone = Promise.withResolvers<void>();
    server.behaviour = onCall(({ response, stream }) => {
      stream().raw(': open\n\n');
      response.on('close', gone.resolve);
    });
    await mcp.use(evil(), async (tools) => expect((await call(tools, 'evil/act')).isError).toBe(true));
    await gone.promise;
  });
});
