import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { ExtensionServer } from './support/extension-server.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, type Server } from './support/server.js';
import { encodings, leaksOf, tablesOf } from './support/secret-echoes.js';
import { pathOf, start, Watch } from './support/watch.js';

const OLD = 'sk-live/Zq"8+<4f&\'7 ä\\x~9';
const LONG = `-----BEGIN KEY-----\n${'Q7x/+0'.repeat(60)}\n-----END KEY-----`;
const NEW = 'a-new-value-with-digits-0123';
const leaks = leaksOf([OLD, LONG, NEW]);

/** A reason and a comment may not be long. */
const SHORT = encodings(OLD).slice(0, 8).join(' ');
const ECHO = [OLD, LONG].flatMap(encodings).join(' | ');

// A node that uses the secrets as a node of the server does before it sends them, and repeats them in every way.
const MODULE = `
  import { setTimeout as sleep } from 'node:timers/promises';
  import { Logger } from '@nestjs/common';

  const ECHO = process.env.TEST_ECHO;

  @NodeHandler('leak')
  class Leak {
    readonly config = z.strictObject({ ways: z.array(z.string()), secrets: z.string().meta({ secrets: true }), echo: z.unknown().optional() });
    private readonly logger = new Logger('Leak');

    async run(run: NodeRun) {
      const { ways, secrets } = run.config;
      if (!run.resumed) await run.reveal(secrets, { url: 'http://127.0.0.1/' });
      const chunk = ECHO;
      for (const way of ways) switch (way) {
        case 'text': await run.emit({ type: 'execution:output', chunk }); break;
        case 'characters': for (const each of ECHO) await run.emit({ type: 'execution:output', chunk: each }); break;
        case 'thinking': for (let at = 0; at < ECHO.length; at += 7) await run.emit({ type: 'execution:thinking', chunk: ECHO.slice(at, at + 7) }); break;
        case 'custom': await run.emit({ type: 'execution:custom', name: 'echo', value: { [ECHO]: [ECHO, JSON.stringify({ ECHO })] } }); break;
        case 'tool':
          await run.emit({ type: 'execution:tool-call', toolId: 't', toolName: 'look', toolArgs: { ECHO } });
          await run.emit({ type: 'execution:tool-result', toolId: 't', result: ECHO, isError: true });
          break;
        case 'log': this.logger.warn(ECHO, new Error(ECHO), { ECHO }); break;
        case 'wait': await run.waitFor({ kind: 'approval', message: ECHO }); break;
        case 'signal': await run.waitFor({ kind: 'signal', signal: 'go' }); break;
        case 'children': return run.runChildren({ key: 'k', inputs: [{ ECHO }], workflow: { nodes: [{ id: 'c', type: 'leak', data: { config: { ways: ['characters', 'output'], secrets: '' } } }], edges: [] } });
        case 'sleep': await sleep(60_000, undefined, { signal: run.signal }); break;
        case 'transient': throw new TransientError('busy', ECHO, 1);
        case 'fail': throw new NodeError('leaked', ECHO);
      }
      return { [ECHO]: ECHO, nested: [JSON.stringify({ ECHO })] };
    }
  }

  @Module({ providers: [Leak] })
  class TeamModule {}
`;

/** The sources of leaks: each is a workflow whose nodes repeat the secrets. */
const leak = (id: string, ways: string[], more: object = {}) => ({
  id,
  type: 'leak',
  data: { maxRetries: 1, config: { ways, secrets: '{{secrets.TOKEN}} {{secrets.KEY}}', ...more } },
});
const SOURCES: Record<string, [nodes: object[], edges?: [string, string][]]> = {
  'whole texts': [[leak('n', ['text', 'custom', 'tool', 'log'])]],
  'texts cut into characters': [[leak('n', ['characters'])]],
  'thinking in parts': [[leak('n', ['thinking'])]],
  'an error that is repeated': [[leak('n', ['text', 'transient'])]],
  'an error': [[leak('n', ['characters', 'fail'])]],
  'an error in the next node': [
    [leak('n', []), leak('next', ['custom', 'fail'], { secrets: '', echo: '{{nodes.n.output}}' })],
    [['n', 'next']],
  ],
  'a child execution': [[leak('n', ['children'])]],
  'the text and the calls of a model': [
    [
      leak('n', []),
      {
        id: 'a',
        type: 'agent',
        data: { config: { model: 'openai-compatible/m', prompt: 'Hello {{nodes.n.output}}' } },
      },
    ],
    [['n', 'a']],
  ],
  'the answer to an http node': [
    [leak('n', []), { id: 'h', type: 'http', data: { maxRetries: 1, config: { url: '{{input}}/http' } } }],
    [['n', 'h']],
  ],
};

describe('the values of secrets that executions use', () => {
  let upstream: FakeHttpServer;
  let databaseUrl: string;
  let extension: ExtensionServer;
  let server: Server;
  let output = '';
  const SECRETS_KEY = `k:${randomBytes(32).toString('base64')}`;
  const startServer = async () => {
    extension = await ExtensionServer.start(MODULE, {
      DATABASE_URL: databaseUrl,
      SECRETS_KEY,
      OPENAI_COMPATIBLE_API_KEY: 'a-key-of-the-gateway',
      OPENAI_COMPATIBLE_BASE_URL: `${upstream.url}/v1`,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RETRY_BASE_MS: '1',
      PARK_TIMEOUT_MS: '1',
      PROCESS_CHECK_INTERVAL_MS: '50',
      DISPATCH_POLL_INTERVAL_MS: '100',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'json',
      TEST_ECHO: ECHO,
    });
    ({ server } = extension);
  };
  beforeAll(async () => {
    upstream = await startFakeHttpServer(({ path }, response) => {
      if (path.startsWith('/http')) {
        response.writeHead(503, { 'content-type': 'text/plain', 'x-echo': encodeURIComponent(OLD) });
        return response.end(ECHO);
      }
      const chunk = (delta: object, finish_reason: string | null = null) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const frames = Array.from(ECHO, (content) => chunk({ content }));
      return response.end(`${frames.join('')}${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    databaseUrl = await createDatabase();
    await startServer();
    await setSecret('TOKEN', OLD);
    await setSecret('KEY', LONG);
  });
  afterAll(async () => {
    expect(await extension.stop()).toBe(0);
    await upstream.close();
  });

  const setSecret = async (name: string, value: string) =>
    expect((await server.call('PUT', `/api/secrets/demo/${name}`, { value })).status).toBe(200);
  const run = async (nodes: object[], edges: [string, string][] = []): Promise<string> =>
    server.startExecution(start(nodes, edges, { input: upstream.url }));
  const ended = (id: string) => new Watch(server.url, pathOf(id)).done();
  const until = async (id: string, type: string) => {
    const watch = await new Watch(server.url, pathOf(id)).until(({ frames }) =>
      frames.some((f) => f.type === type),
    );
    watch.close();
    return watch.frames.find((frame) => frame.type === type)!.data;
  };
  /** Waits until no process owns an execution. */
  const parked = async (id: string) => {
    for (;;) {
      const { rows } = await query<{ owner: string | null }>(
        'SELECT owner FROM cloutagent.executions WHERE id = $1',
        [id],
      );
      if (rows[0]!.owner === null) return;
    }
  };
  const query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      return await client.query<Row>(text, values);
    } finally {
      await client.end();
    }
  };
  /** Searches all that an execution shows. */
  const shown = async (id: string): Promise<string> => {
    const paths = [id, `${id}/events?limit=1000`].map((path) => `/api/executions/${path}`);
    const answers = await Promise.all(paths.map((path) => server.call('GET', path)));
    const { frames } = await ended(id);
    // Clients join the chunks of a text.
    const texts = ['execution:output', 'execution:thinking'].map((type) =>
      frames.flatMap(({ type: of, data }) => (of === type ? [data.chunk] : [])).join(''),
    );
    return [
      ...answers.map(({ text }) => text),
      JSON.stringify(frames),
      ...texts,
      ...texts.map((text) => JSON.stringify(text)),
    ].join('\n');
  };

  it.each(Object.entries(SOURCES))(
    'are not in what the execution shows: %s',
    async (_source, [nodes, edges]) => {
      const id = await run(nodes, edges);
      await ended(id);
      const all = await shown(id);
      expect(leaks(all)).toEqual([]);
      expect(all).toContain('[redacted]');
      const rerun = await server.call('POST', `/api/executions/${id}/rerun`, {
        from: [(nodes.at(-1) as { id: string }).id],
      });
      await ended(rerun.body.id);
      expect(leaks(await shown(rerun.body.id))).toEqual([]);
    },
  );

  it('are not in answers, signals and reasons that any process stores', async () => {
    const waiting = await run([leak('n', ['wait', 'signal'])]);
    const { waitId } = await until(waiting, 'execution:waiting');
    await parked(waiting);
    const answer = { approved: true, comment: SHORT };
    expect((await server.call('POST', `/api/waits/${waitId}/answer`, answer)).status).toBe(202);
    const headers = { 'idempotency-key': 'key-1' };
    const signal = () =>
      server.call('POST', `/api/executions/${waiting}/signals/go`, { [ECHO]: ECHO }, headers);
    const statuses = [(await signal()).status, (await signal()).status];
    await ended(waiting);
    expect(statuses).toEqual([202, 202]);
    expect(leaks(await shown(waiting))).toEqual([]);

    const cancelled = await run([leak('n', ['signal'])]);
    await until(cancelled, 'execution:waiting');
    await parked(cancelled);
    const reason = { reason: SHORT };
    expect((await server.call('POST', `/api/executions/${cancelled}/cancel`, reason)).status).toBeLessThan(
      300,
    );
    await ended(cancelled);
    expect(leaks(await shown(cancelled))).toEqual([]);
  });

  it('are redacted after a rotation and a takeover', async () => {
    const waiting = await run([leak('n', ['signal', 'characters', 'log', 'custom'])]);
    const running = await run([leak('n', ['text', 'sleep'])]);
    await until(waiting, 'execution:waiting');
    await until(running, 'execution:output');
    await parked(waiting);
    output += server.output();
    await server.kill();
    await startServer();
    await setSecret('TOKEN', NEW);
    expect((await server.call('POST', `/api/executions/${waiting}/signals/go`, { ECHO })).status).toBe(202);
    await ended(waiting);
    expect(leaks(await shown(waiting))).toEqual([]);
    await new Watch(server.url, pathOf(running)).until(
      ({ frames }) => frames.filter(({ type }) => type === 'execution:output').length > 1,
    );
    await server.call('POST', `/api/executions/${running}/cancel`, { reason: SHORT });
    await ended(running);
    expect(leaks(await shown(running))).toEqual([]);
  });

  it('are not in any table, log, metric, problem or page', async () => {
    const tables = await tablesOf(databaseUrl);
    expect(tables.size).toBeGreaterThan(20);
    for (const [name, text] of tables) expect([name, leaks(text)]).toEqual([name, []]);
    const paths = [
      '/metrics',
      '/',
      '/api/executions?projectId=demo',
      '/api/waits',
      `/no/${encodeURIComponent(OLD)}`,
    ];
    for (const path of paths) expect(leaks((await server.call('GET', path)).text)).toEqual([]);
    output += server.output();
    expect(leaks(output)).toEqual([]);
    expect(output).toContain('[redacted]');
  });
});
