import type { ServerResponse } from 'node:http';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');

describe('Agents with messages and structured output', () => {
  let server: Server;
  let files: FakeHttpServer;
  beforeAll(async () => {
    files = await startFakeHttpServer(({ path }, response: ServerResponse) => {
      if (path === '/cat.png') response.writeHead(200, { 'content-type': 'image/png' }).end(PNG);
      else if (path === '/metadata') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
      else response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>');
    });
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: `127.0.0.1:${files.port}`,
      RETRY_BASE_MS: '1',
      CHECK_TIMEOUT_MS: '1000',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await files.close();
  });

  const config = (more: object, demo: object = {}) =>
    start([agent('a', { delayMs: 0, ...demo }, { prompt: undefined, ...more })]);
  const run = async (request: object): Promise<Watch> =>
    new Watch(server.url, pathOf(await server.startExecution(request))).done();
  const end = (watch: Watch) => watch.frames.at(-1)!.data as Record<string, any>;
  const types = (watch: Watch, type: string) => watch.frames.filter((frame) => frame.type === type);

  const image = (path: string) => [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', image: `${files.url}/${path}` },
      ],
    },
  ];

  it('answers a conversation from the input, and gets its images by URL', async () => {
    const request = { ...config({ messages: '{{input.messages}}' }), input: { messages: image('cat.png') } };
    expect(end(await run(request))).toMatchObject({
      result: {
        output: expect.stringMatching(
          /^You asked: "What is this\?"\. You sent a file \(image\/png, 16 bytes\)\. /,
        ),
      },
    });
  });

  it.each([
    ['a page', 'login', 'message_file_invalid', 'messages.0.content.1 is not an image'],
    ['a redirect to a forbidden host', 'metadata', 'host_not_allowed', '169.254.169.254 is not allowed'],
  ])('fails with %s instead of an image', async (_what, path, code, error) => {
    expect(end(await run(config({ messages: image(path) })))).toMatchObject({
      code,
      error: expect.stringContaining(error),
    });
  });

  it('fails with messages in the input that are not valid, and names the place', async () => {
    const request = { ...config({ messages: '{{input}}' }), input: [{ role: 'usr', content: 'Hi' }] };
    expect(end(await run(request))).toMatchObject({
      code: 'invalid_config',
      error: expect.stringContaining('messages.0.role: "usr" is not known: did you mean user?'),
    });
  });

  it.each([
    ['text', { messages: 'Hi' }, 'messages', 'must be a list of messages'],
    ['text around a placeholder', { messages: 'Hi {{input}}' }, 'messages', 'must be a list of messages'],
    [
      'both forms',
      { messages: [{ role: 'user', content: 'Hi' }], prompt: 'Hi' },
      'prompt',
      'either prompt or messages',
    ],
    ['neither form', {}, 'prompt', 'either prompt or messages'],
    [
      'a wrong model next to a placeholder',
      { messages: '{{input}}', model: 'demoo/x' },
      'model',
      'There is no model',
    ],
    [
      'a schema of a list',
      { prompt: 'Hi', output: { schema: { type: 'array' } } },
      'output.schema',
      '"type": "object"',
    ],
    [
      'a schema with an endless reference',
      { prompt: 'Hi', output: { schema: { type: 'object', allOf: [{ $ref: '#' }] } } },
      'output.schema',
      'without an end',
    ],
  ])('refuses %s when it is posted', async (_what, given, path, message) => {
    const { status, body } = await server.call('POST', '/api/executions', config(given));
    expect(status).toBe(400);
    expect((body as unknown as { errors: object[] }).errors).toEqual([
      { path: `workflow.nodes.0.data.config.${path}`, message: expect.stringContaining(message) },
    ]);
  });

  const names = Array.from({ length: 200 }, (_unused, index) => `property${index}`);
  const WIDE = {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type: 'integer', minimum: 1 }])),
    required: names,
  };

  it('streams an object of 200 members, and checks it', async () => {
    const watch = await run(config({ prompt: 'Go', output: { schema: WIDE } }, { chunks: 50 }));
    const chunks = types(watch, 'execution:output').map(({ data }) => data['chunk']);
    const { output } = end(watch)['result'];
    expect(output).toEqual(Object.fromEntries(names.map((name) => [name, 1])));
    expect(JSON.parse(chunks.join(''))).toEqual(output);
    expect(chunks.length).toBeGreaterThan(1);
  });

  it('asks the model once more, and then fails', async () => {
    const output = { schema: WIDE };
    const repaired = await run(config({ prompt: 'Go', output }, { invalidTimes: 1 }));
    expect(end(repaired)['result'].output).toMatchObject({ property199: 1 });
    expect(types(repaired, 'execution:token-usage')).toHaveLength(2);
    const failed = await run(config({ prompt: 'Go', output }, { text: '{"property0":0}' }));
    expect(end(failed)).toMatchObject({
      code: 'output_invalid',
      error: expect.stringContaining('property1 is required'),
    });
    expect(types(failed, 'execution:token-usage')).toHaveLength(2);
    // Watchers drop the first answer. That is no retry: maxRetries is used up by failures only.
    expect(types(failed, 'execution:retry')).toHaveLength(1);
  });

  it('is not harmed by a regular expression that runs forever', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
    const hostile = run(
      config({ prompt: 'Go', output: { schema } }, { text: JSON.stringify({ a: `${'a'.repeat(60)}!` }) }),
    );
    let isDone = false;
    void hostile.finally(() => (isDone = true));
    let answers = 0;
    for (; !isDone; answers += 1) expect((await server.call('GET', '/health/live')).status).toBe(200);
    expect(answers).toBeGreaterThan(3);
    const watch = await hostile;
    expect(end(watch)).toMatchObject({
      code: 'output_invalid',
      error: expect.stringContaining('CHECK_TIMEOUT_MS'),
    });
    expect(types(watch, 'execution:output')).not.toEqual([]);
  });
});
