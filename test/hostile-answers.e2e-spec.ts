import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { pathOf, start, Watch } from './support/watch.js';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('what others answer', () => {
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

  it('may be nested as deep as the setting says', async () => {
    // The body is one level below the output.
    const { type, data } = await outcome('http', { url: `${other.url}/nested/99` });
    expect([type, JSON.stringify((data.result.output as { body: unknown }).body)]).toEqual([
      'execution:completed',
      nested(99),
    ]);
  });

  // Some 4,390 deep there was stack enough to look at it, and not to record it.
  it.each([100, 4_390, 500_000])('nested %i deep is no output', async (depth) => {
    const { type, data } = await outcome('http', { url: `${other.url}/nested/${depth}` });
    expect([type, data]).toEqual(['execution:failed', expect.objectContaining(tooDeep)]);
  });

  it('may have as many parts as the setting says, whoever puts them out', async () => {
    // The list and the output are parts too, and three members of the output and the header fields.
    expect((await outcome('http', { url: `${other.url}/objects/19900` })).type).toBe('execution:completed');
    const tooMany = {
      code: 'output_too_large',
      error: expect.stringContaining('OUTPUT_MAX_PARTS') as string,
    };
    const { data } = await outcome('http', { url: `${other.url}/objects/20000` });
    expect(data).toMatchObject(tooMany);
    expect((await outcome('transform', { expression: '[1..10000].{"a":1}' })).data).toMatchObject(tooMany);
  });

  const asks = (toolCall: { name: string; args: unknown }) => {
    models.script({ toolCalls: [toolCall] });
    const tool = {
      name: 'look',
      description: 'Looks something up',
      inputSchema: { type: 'object' },
      http: { method: 'GET', url: `${other.url}/nested/500000` },
    };
    return outcome('agent', { model: 'openai-compatible/any', prompt: 'Look.', tools: [tool] });
  };
  it('is bounded for tools too, and so is what a model gives them', async () => {
    const before = other.requests.length;
    // The model is told, and goes on without it.
    expect((await asks({ name: 'look', args: {} })).type).toBe('execution:completed');
    expect(JSON.stringify(models.requests.at(-1)!.body)).toContain('OUTPUT_MAX_DEPTH');
    expect(other.requests.length).toBe(before + 1);
    const args = { what: JSON.parse(nested(3_000)) as unknown };
    expect((await asks({ name: 'look', args })).data).toMatchObject(tooDeep);
    expect(other.requests.length).toBe(before + 1);
  });

  it('leaves the server as it was', async () => {
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    expect(server.output()).not.toContain('call stack');
  });
});
