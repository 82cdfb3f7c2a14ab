import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { pathOf, start, Watch } from './support/watch.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('the output of a node', () => {
  let other: FakeHttpServer;
  let models: FakeModelServer;
  let server: Server;
  beforeAll(async () => {
    other = await startFakeHttpServer(({ path }, response) => {
      const [, shape, size] = /^\/(nested|objects)\/(\d+)/.exec(path)!;
      response
        .setHeader('content-type', 'application/json')
        .end(shape === 'nested' ? nested(Number(size)) : `[${Array(Number(size)).fill('{}').join()}]`);
    });
    models = await startFakeModelServer();
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      OPENAI_COMPATIBLE_BASE_URL: models.url,
    });
  });
  afterAll(async () => {
    await server?.kill('SIGTERM');
    await models?.close();
    await other?.close();
  });

  const outcome = async (type: string, config: object) => {
    const id = await server.startExecution(start([{ id: 'a', type, data: { config } }]));
    return (await new Watch(server.url, pathOf(id)).done()).frames.at(-1)!;
  };
  const tooDeep = { code: 'output_too_deep', error: expect.stringContaining('OUTPUT_MAX_DEPTH') as string };

  it('may be nested up to OUTPUT_MAX_DEPTH', async () => {
    // The body is one level below the output.
    const { type, data } = await outcome('http', { url: `${other.url}/nested/99` });
    const { body } = data.result.output as { body: unknown };
    expect([type, JSON.stringify(body)]).toEqual(['execution:completed', nested(99)]);
  });

  // At a depth of about 4,390 the stack was once large enough to check the output, but not to record it.
  it.each([100, 4_390, 500_000])('fails the node when it is nested %i levels deep', async (depth) => {
    const { type, data } = await outcome('http', { url: `${other.url}/nested/${depth}` });
    expect([type, data]).toEqual(['execution:failed', expect.objectContaining(tooDeep)]);
  });

  const tooMany = { code: 'output_too_large', error: expect.stringContaining('OUTPUT_MAX_PARTS') as string };

  it('of an http node may have up to OUTPUT_MAX_PARTS parts', async () => {
    // The list, the output, three members of the output and the header fields are parts too.
    expect((await outcome('http', { url: `${other.url}/objects/19900` })).type).toBe('execution:completed');
    const { data } = await outcome('http', { url: `${other.url}/objects/20000` });
    expect(data).toMatchObject(tooMany);
  });

  it('of a transform node may have up to OUTPUT_MAX_PARTS parts', async () => {
    expect((await outcome('transform', { expression: '[1..10000].{"a":1}' })).data).toMatchObject(tooMany);
  });

  const callTool = (toolCall: { name: string; args: unknown }) => {
    models.script({ toolCalls: [toolCall] });
    const tool = {
      name: 'look',
      description: 'Looks something up',
      inputSchema: { type: 'object' },
      http: { method: 'GET', url: `${other.url}/nested/500000` },
    };
    return outcome('agent', { model: 'openai-compatible/any', prompt: 'Look.', tools: [tool] });
  };
  it('of an agent completes when the result of a tool is nested too deep, and the model gets the error', async () => {
    const before = other.requests.length;
    expect((await callTool({ name: 'look', args: {} })).type).toBe('execution:completed');
    expect(JSON.stringify(models.requests.at(-1)!.body)).toContain('OUTPUT_MAX_DEPTH');
    expect(other.requests.length).toBe(before + 1);
  });

  it('of an agent fails when the arguments of a tool are nested too deep, and no request is sent', async () => {
    const before = other.requests.length;
    const args = { what: JSON.parse(nested(3_000)) as unknown };
    expect((await callTool({ name: 'look', args })).data).toMatchObject(tooDeep);
    expect(other.requests.length).toBe(before);
  });

  it('never overflows the stack of the server', async () => {
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    expect(server.output()).not.toContain('call stack');
  });
});
