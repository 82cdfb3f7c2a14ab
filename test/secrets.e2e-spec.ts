import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const SECRETS = {
  ANTHROPIC_API_KEY: 'anthropic.key+of/this=server',
  OPENAI_COMPATIBLE_API_KEY: 'gw_0123456789_abcdefghij',
  JWT_SECRET: 'a secret with "quotes" and a \\ backslash',
  METRICS_TOKEN: 'metrics-token-of-at-least-32-characters',
  BOOTSTRAP_API_KEY: 'bootstrap-key-of-at-least-32-characters',
};
const PASSWORD = 'p@ss/word-1';
const ALL = [...Object.values(SECRETS), PASSWORD];
/** Returns the secrets in a text, also in URL and JSON encoding. */
const leaks = (text: string): string[] =>
  ALL.flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]).filter(
    (form) => text.includes(form),
  );

/** An answer of an upstream that repeats all secrets in a format that the server does not know. */
const QUOTE = `You sent <<${ALL.join('>>; <<')}>> and ${encodeURIComponent(PASSWORD)}, see below.`;
const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const stream = (...frames: string[]) => frames.join('') + 'data: [DONE]\n\n';
const SSE = 'text/event-stream';
const JSON_TYPE = 'application/json';

/** The answers of the upstream by model name. */
const ANSWERS: Record<string, [status: number, type: string, body: string]> = {
  text400: [400, 'text/plain', QUOTE],
  json400: [400, JSON_TYPE, JSON.stringify({ error: { message: QUOTE, type: 'invalid_request_error' } })],
  odd422: [422, JSON_TYPE, JSON.stringify({ [QUOTE]: [JSON.stringify({ inner: QUOTE })] })],
  json401: [401, JSON_TYPE, JSON.stringify({ error: { message: QUOTE } })],
  json500: [500, JSON_TYPE, JSON.stringify({ error: QUOTE })],
  stream: [200, SSE, stream(`data: ${JSON.stringify({ error: { message: QUOTE } })}\n\n`)],
  // One character per chunk.
  text: [200, SSE, stream(...Array.from(QUOTE, (content) => chunk({ content })), chunk({}, 'stop'))],
  thinking: [
    200,
    SSE,
    stream(chunk({ reasoning_content: QUOTE }), chunk({ content: 'Done.' }), chunk({}, 'stop')),
  ],
  tool: [
    200,
    SSE,
    stream(
      chunk({
        tool_calls: [
          {
            index: 0,
            id: 't',
            type: 'function',
            function: { name: 'look', arguments: JSON.stringify({ q: QUOTE }) },
          },
        ],
      }),
      chunk({}, 'tool_calls'),
    ),
  ],
};

describe('the secrets of the server', () => {
  let upstream: FakeHttpServer;
  let server: Server;
  beforeAll(async () => {
    upstream = await startFakeHttpServer(({ path, body }, response) => {
      if (path.startsWith('/http')) {
        const status = Number(path.split('/')[2]);
        response.writeHead(status, { 'content-type': JSON_TYPE, 'x-quoted': encodeURIComponent(PASSWORD) });
        return response.end(JSON.stringify({ [QUOTE]: QUOTE, nested: [JSON.stringify({ QUOTE })] }));
      }
      const { model, messages } = JSON.parse(body) as { model: string; messages: { role: string }[] };
      const answered = messages.some(({ role }) => role === 'tool');
      const [status, type, answer] = ANSWERS[answered ? 'text' : model]!;
      response.writeHead(status, { 'content-type': type });
      return response.end(answer);
    });
    const url = new URL(await createDatabase());
    const database = await roleWithPassword(url);
    server = await Server.start({
      ...SECRETS,
      DATABASE_URL: database,
      OPENAI_COMPATIBLE_BASE_URL: `${upstream.url}/v1`,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '1',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
    });
  });
  afterAll(async () => {
    expect(leaks(server.output())).toEqual([]);
    expect(await server.kill('SIGTERM')).toBe(0);
    await upstream.close();
  });

  const credential = { authorization: `Bearer ${SECRETS.BOOTSTRAP_API_KEY}` };
  const run = async (node: object) => {
    const { body } = await server.call('POST', '/api/executions', start([node]), credential);
    const watch = await new Watch(server.url, `/api/executions/${body.id}/stream`, credential).done();
    const shown = await server.call('GET', `/api/executions/${body.id}`, undefined, credential);
    const events = await server.call(
      'GET',
      `/api/executions/${body.id}/events?limit=1000`,
      undefined,
      credential,
    );
    return {
      watch,
      last: watch.frames.at(-1)!.data,
      all: JSON.stringify([watch.frames, shown.body, events.body]),
    };
  };
  const agent = (model: string, config: object = {}) => ({
    id: 'a',
    type: 'agent',
    data: { config: { model: `openai-compatible/${model}`, prompt: 'Hello', ...config } },
  });

  it.each(Object.keys(ANSWERS).filter((name) => name !== 'tool'))(
    'are redacted in the answer of a model provider: %s',
    async (model) => {
      const { all } = await run(agent(model));
      expect(leaks(all)).toEqual([]);
      expect(all).toContain('[redacted]');
    },
  );

  it('are redacted in the arguments and results of tools', async () => {
    const tool = {
      name: 'look',
      description: 'Looks.',
      inputSchema: { type: 'object' },
      http: { url: `${upstream.url}/http/200` },
    };
    const { all, watch } = await run(agent('tool', { tools: [tool] }));
    expect(leaks(all)).toEqual([]);
    const types = watch.frames.map(({ type }) => type);
    expect(types).toContain('execution:tool-result');
    expect(types.at(-1)).toBe('execution:completed');
  });

  it.each([200, 404, 503])('are redacted in the answer to an http node with status %i', async (status) => {
    const config = { url: `${upstream.url}/http/${status}` };
    const { all } = await run({ id: 'h', type: 'http', data: { config } });
    expect(leaks(all)).toEqual([]);
    expect(all).toContain('[redacted]');
  });

  it('are redacted in the input of the next node', async () => {
    const http = { id: 'h', type: 'http', data: { config: { url: `${upstream.url}/http/200` } } };
    const config = { url: `${upstream.url}/http/200`, method: 'POST', body: '{{nodes.h.output}}' };
    const workflow = start([http, { id: 'next', type: 'http', data: { config } }], [['h', 'next']]);
    const { body } = await server.call('POST', '/api/executions', workflow, credential);
    await new Watch(server.url, `/api/executions/${body.id}/stream`, credential).done();
    const sent = upstream.requests.at(-1)!;
    expect(sent.method).toBe('POST');
    expect(sent.body).toContain('[redacted]');
    expect(leaks(sent.body)).toEqual([]);
  });

  it('are redacted in problems', async () => {
    for (const secret of [SECRETS.OPENAI_COMPATIBLE_API_KEY, SECRETS.METRICS_TOKEN]) {
      const { body } = await server.call('GET', `/no/${secret}`, undefined, credential);
      expect(body).toMatchObject({ status: 404, instance: '/no/[redacted]' });
    }
  });
});

describe('a malformed URL', () => {
  it.each([
    ['https//user:hunter2@example.com/', 'hunter2'],
    ['//user:hunter2@example.com/', 'hunter2'],
    ['http://[user:hunter2@', 'hunter2'],
    ['example.com/items?token=hunter2', 'hunter2'],
  ])('is not quoted with its password in the error: %s', async (url, password) => {
    const server = await shared();
    const id = await server.startExecution(
      start([{ id: 'h', type: 'http', data: { config: { url: '{{input}}' } } }], [], { input: url }),
    );
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    expect(watch.frames.at(-1)!.data).toMatchObject({ code: 'invalid_config' });
    expect(watch.frames.at(-1)!.data.error).toContain('is not a URL');
    expect(JSON.stringify(watch.frames.map(({ type, data }) => [type, data.error]))).not.toContain(password);
  });

  let running: Promise<Server> | undefined;
  const shared = () => (running ??= createDatabase().then((DATABASE_URL) => Server.start({ DATABASE_URL })));
  afterAll(async () => {
    await (await running)?.kill('SIGTERM');
  });
});

/** Creates a role whose password needs URL encoding. Returns its database URL. */
async function roleWithPassword(url: URL): Promise<string> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const role = `${url.pathname.slice(1)}_role`;
  await client.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
  await client.end();
  return Object.assign(new URL(url), { username: role, password: encodeURIComponent(PASSWORD) }).href;
}
