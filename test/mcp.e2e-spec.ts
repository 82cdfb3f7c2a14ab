import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { isAlive } from './support/alive.js';
import { EVERYTHING, startEverything } from './support/everything-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const CHILD = join(import.meta.dirname, 'support/hostile-mcp-child.mjs');

describe('An agent with MCP servers', () => {
  let server: Server;
  let model: FakeModelServer;
  let remote: Awaited<ReturnType<typeof startEverything>>;

  beforeAll(async () => {
    model = await startFakeModelServer();
    remote = await startEverything();
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      OPENAI_COMPATIBLE_BASE_URL: model.url,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test-key',
      RETRY_BASE_MS: '1',
      MCP_CONNECT_TIMEOUT_MS: '5000',
      MCP_SERVERS: JSON.stringify({
        http: { url: remote.url },
        stdio: { command: process.execPath, args: [EVERYTHING, 'stdio'] },
        dies: { command: process.execPath, args: [CHILD, 'exit-at-call'] },
        broken: { command: process.execPath, args: [CHILD, 'exit-at-start'] },
      }),
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await model.close();
    remote.process.kill();
  });

  const run = async (mcp: object[], name = 'anthropic/m') => {
    const config = { model: name, prompt: 'Use the tools.', providerOptions: {}, mcp };
    const id = await server.startExecution(start([agent('user', {}, config)]));
    return new Watch(server.url, pathOf(id)).done();
  };
  const calls = ({ frames }: Watch) =>
    frames.filter(({ type }) => type === 'execution:tool-call').map(({ data }) => data);
  const results = ({ frames }: Watch) =>
    frames.filter(({ type }) => type === 'execution:tool-result').map(({ data }) => data);

  it.each(['http', 'stdio'])('calls tools of a real server over %s', async (transport) => {
    model.script(
      {
        toolCalls: [
          { name: `${transport}__echo`, args: { message: 'hello' } },
          { name: `${transport}__get-structured-content`, args: { location: 'Chicago' } },
          { name: `${transport}__get-sum`, args: { a: 'wrong' } },
        ],
      },
      { text: ['Done.'] },
    );
    const before = model.requests.length;
    const watch = await run([{ server: transport }]);
    expect(watch.frames.at(-1)).toMatchObject({
      type: 'execution:completed',
      data: { result: { output: 'Done.' } },
    });
    const byId = new Map(results(watch).map((data) => [data['toolId'], data]));
    const byTool = Object.fromEntries(
      calls(watch).map(({ toolId, toolName }) => [toolName, byId.get(toolId)]),
    );
    expect(byTool[`${transport}/echo`]).toMatchObject({ result: 'Echo: hello', isError: false });
    expect(byTool[`${transport}/get-structured-content`]).toMatchObject({
      result: { conditions: expect.any(String) },
    });
    expect(byTool[`${transport}/get-sum`]).toMatchObject({ isError: true });
    const [first, second] = model.requests.slice(before);
    expect(JSON.stringify(first!.body['tools'])).toContain(`${transport}__echo`);
    expect(JSON.stringify(second!.body['messages'])).toContain('Echo: hello');
  });

  it('shows an image to the model, and describes it in the event', async () => {
    model.script({ toolCalls: [{ name: 'http__get-tiny-image', args: {} }] }, { text: ['A picture.'] });
    const before = model.requests.length;
    const watch = await run([{ server: 'http', tools: ['get-tiny-image'] }]);
    expect(results(watch)[0]!['result']).toContainEqual({
      type: 'image',
      mediaType: 'image/png',
      bytes: expect.any(Number),
    });
    const sent = JSON.stringify(model.requests[before + 1]!.body['messages']);
    expect(sent).toContain('"media_type":"image/png"');
    expect(sent).toContain('iVBOR');
  });

  it('gives the model an error when a server dies in a call', async () => {
    model.script({ toolCalls: [{ name: 'dies__act', args: {} }] }, { text: ['It died.'] });
    const watch = await run([{ server: 'dies' }]);
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(results(watch)).toMatchObject([{ isError: true, result: expect.stringContaining('has ended') }]);
  });

  it('leaves no child when it is killed', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'mcp-')), 'pids');
    const other = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'test-key',
      MCP_SERVERS: JSON.stringify({
        local: { command: process.execPath, args: [CHILD, 'grandchild', file] },
      }),
    });
    model.script({ toolCalls: [{ name: 'local__act', args: {} }] }, { text: ['Done.'] });
    const config = { model: 'anthropic/m', prompt: 'x', providerOptions: {}, mcp: [{ server: 'local' }] };
    await new Watch(other.url, pathOf(await other.startExecution(start([agent('a', {}, config)])))).done();
    const pids = (await readFile(file, 'utf8')).split(' ').map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    await other.kill('SIGKILL');
    while (pids.some(isAlive)) await setImmediate();
  });

  it('retries and fails if a server does not start', async () => {
    const watch = await run([{ server: 'broken' }]);
    expect(watch.frames.at(-1)).toMatchObject({
      type: 'execution:failed',
      data: {
        code: 'mcp_unavailable',
        error: 'The MCP server broken cannot be used: its process has ended (code 3).',
      },
    });
    const retried = watch.frames.filter(({ data }) => data['status'] === 'retrying');
    expect(retried).toHaveLength(2);
  });

  it('waits for a person before a call that needs one', async () => {
    model.script({ toolCalls: [{ name: 'stdio__echo', args: { message: 'pay' } }] }, { text: ['Paid.'] });
    const config = {
      model: 'anthropic/m',
      prompt: 'Pay.',
      providerOptions: {},
      mcp: [{ server: 'stdio', approval: { when: "toolName = 'stdio/echo'" } }],
    };
    const id = await server.startExecution(start([agent('user', {}, config)]));
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => frames.at(-1)?.type === 'execution:waiting');
    const { body } = await server.call('GET', `/api/waits?executionId=${id}`);
    expect(body.waits).toMatchObject([
      { kind: 'tool', toolName: 'stdio/echo', toolArgs: { message: 'pay' } },
    ]);
    const answer = await server.call('POST', `/api/waits/${body.waits[0]!.waitId}/answer`, {
      action: 'approve',
      args: { message: 'pay less' },
    });
    expect(answer.status).toBeLessThan(300);
    await watch.done();
    expect(results(watch)).toMatchObject([{ result: 'Echo: pay less' }]);
  });

  it.each<[string, object, RegExp]>([
    ['an unknown server', { server: 'other' }, /The servers are: http, stdio/],
    ['no server', { tools: ['a'] }, /either "server"/],
    ['a server and a URL', { server: 'http', url: 'https://example.com' }, /either "server"/],
    ['a URL that is none', { url: 'example' }, /not a URL/],
    ['a command', { command: 'rm' }, /command/],
    ['headers for a named server', { server: 'http', headers: { a: 'b' } }, /only for a server by "url"/],
  ])('is refused with %s', async (_title, entry, message) => {
    const config = { model: 'anthropic/m', prompt: 'x', mcp: [entry] };
    const answer = await server.call('POST', '/api/executions', start([agent('user', {}, config)]));
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body).replaceAll('\\"', '"')).toMatch(message);
  });
});
