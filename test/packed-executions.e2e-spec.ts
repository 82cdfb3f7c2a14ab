import type { EventPage } from '@cloutagent/contract';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { type Answer, createDatabase, Server } from './support/server.js';
import { runCommand } from './support/cli.js';
import { graph, node, run, transform } from './support/trees.js';
import { until } from './support/until.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';
import { take, WebhookReceiver } from './support/webhook-receiver.js';

const FORMATS = ['ai-sdk', 'a2a', 'ag-ui', 'openai-responses', 'openai-chat'];
const RATE = 'JOURNAL_PACK_EVENTS_PER_SECOND';

/** The hour in which the test begins. */
const HOUR = `${new Date().toISOString().slice(0, 13)}:00:00.000Z`;

/** Executions that end in each way, with output, children and steps. */
const REQUESTS = [
  start([agent('a', { chunks: 300, delayMs: 0 })]),
  start([agent('a', { chunks: 2_500, delayMs: 0 }), delay('b', 1)], [['a', 'b']]),
  start([transform('bad', '$error("no")')]),
  run(graph(node('each', 'map', { items: [1, 2], workflow: graph(agent('c', { chunks: 3 })) }))),
  run(graph(transform('t', '{"a": "\u0000é漢🙂 \\u2028"}'))),
];

describe('packed executions', () => {
  let url: string;
  let client: pg.Client;
  let server: Server;
  let receiver: WebhookReceiver;
  let roots: string[] = [];
  const servers = new Set<Server>();

  const open = async (more: Record<string, string> = {}): Promise<Server> => {
    const opened = await Server.start({
      DATABASE_URL: url,
      SECRETS_KEY: keys,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      RATE_LIMIT_REQUESTS: '100000000',
      JOURNAL_POLL_INTERVAL_MS: '50',
      JOURNAL_PACK_AFTER_MS: '0',
      [RATE]: '0',
      ...more,
    });
    servers.add(opened);
    return opened;
  };
  const keys = `first:${randomBytes(32).toString('base64')}`;
  const rows = async <Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await client.query<Row>(text, values)).rows;
  const rowCount = async (): Promise<number> =>
    (await rows<{ n: number }>('SELECT count(*)::int AS n FROM cloutagent.events'))[0]!.n;
  const untilPacked = () => until('all executions are packed', async () => (await rowCount()) === 0);

  /** Everything that the API says about the executions, in all formats and from several positions. */
  async function everything(from: Server): Promise<Record<string, string>> {
    const all: Record<string, string> = {};
    const keep = async (path: string, headers: Record<string, string> = {}): Promise<Answer> => {
      const answer = await from.call('GET', path, undefined, headers);
      // The frame that greets a client has the time of the connection, and `retry` is random.
      const text = answer.text.replace(/^(data: \{"type":"connection:established".*|retry: \d+)$/gm, '');
      all[`${path} ${JSON.stringify(headers)}`] = `${answer.status} ${text}`;
      return answer;
    };
    await keep('/api/executions?projectId=demo&limit=50');
    await keep(
      `/api/projects/demo/stats?from=${HOUR}&to=${new Date(Date.parse(HOUR) + 7_200_000).toISOString()}`,
    );
    const ids = (await rows<{ id: string }>('SELECT id FROM cloutagent.executions ORDER BY id')).map(
      ({ id }) => id,
    );
    for (const id of ids) {
      const { body } = await keep(`/api/executions/${id}`);
      const last = body.lastSequence;
      for (let after: number | null = 0; after !== null;) {
        const page: Answer = await keep(`/api/executions/${id}/events?limit=700&after=${after}`);
        after = (page.body as unknown as EventPage).nextAfter;
      }
      await keep(`/api/executions/${id}/events?types=execution:step,execution:completed&limit=2`);
      for (const position of [0, 1, Math.floor(last / 2), last - 1, last])
        for (const filter of ['', '?types=execution:step', '?types=execution:output,execution:completed'])
          await keep(`${pathOf(id)}${filter}`, { 'last-event-id': String(position) });
      for (const format of FORMATS) {
        await keep(`${pathOf(id)}?format=${format}`);
        await keep(`${pathOf(id)}?format=${format}`, { 'last-event-id': String(Math.floor(last / 2)) });
      }
    }
    await keep(`/api/executions/stream?executionIds=${roots.join()}`);
    return all;
  }

  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    receiver = await WebhookReceiver.start();
    server = await open();
    roots = await Promise.all(REQUESTS.map((request) => server.startExecution(request)));
    await Promise.all(roots.map((id) => new Watch(server.url, pathOf(id)).done()));
  });
  afterAll(async () => {
    await Promise.all([...servers].map((one) => one.kill('SIGTERM')));
    await receiver.close();
    await client.end();
  });

  it('answer every request as before, and are as before when they are unpacked', async () => {
    const before = await everything(server);
    expect(await rowCount()).toBeGreaterThan(2_500);
    await server.kill('SIGTERM');
    server = await open({ [RATE]: '1000000' });
    await untilPacked();
    const metrics = (await server.call('GET', '/metrics')).text;
    expect(metrics).toMatch(/cloutagent_journal_packed_executions_total [1-9]/);
    expect(await everything(server)).toEqual(before);
    await server.kill('SIGTERM');
    server = await open();
    const unpack = await runCommand(['journal', 'unpack'], { cwd: tmpdir(), env: { DATABASE_URL: url } });
    expect([unpack.code, unpack.stderr]).toEqual([0, '']);
    expect(unpack.stdout).toBe(`The events of ${roots.length + 2} executions are rows again.\n`);
    expect(await rows('SELECT FROM cloutagent.segments')).toEqual([]);
    expect(await everything(server)).toEqual(before);
  }, 180_000);

  it('are packed completely by several processes that are killed and replaced', async () => {
    const before = await everything(server);
    for (let round = 0; round < 2; round += 1) {
      // Slowly, so that a kill comes in the middle.
      const packers = await Promise.all([0, 1].map(() => open({ [RATE]: '2000' })));
      const target = (await rowCount()) - 1;
      await until('another execution is packed', async () => (await rowCount()) <= Math.max(0, target));
      await Promise.all(packers.map((packer) => packer.kill('SIGKILL')));
    }
    await server.kill('SIGTERM');
    server = await open({ [RATE]: '1000000' });
    await untilPacked();
    expect(await everything(server)).toEqual(before);
  }, 180_000);

  it('are repeated by a re-run, and shown to webhooks that replay them', async () => {
    await untilPacked();
    const rerun = await server.call('POST', `/api/executions/${roots[1]}/rerun`, { from: ['b'] });
    expect(rerun.status).toBe(202);
    const watch = await new Watch(server.url, pathOf(rerun.body.id)).done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    const { body } = await server.call('GET', `/api/executions/${rerun.body.id}`);
    expect(body.steps).toMatchObject([{ reusedFrom: roots[1] }, { status: 'completed' }]);
    const hook = { url: receiver.url, events: ['execution:step', 'execution:completed'] };
    expect((await server.call('PUT', '/api/webhooks/demo/billing', hook)).status).toBe(200);
    const sequences = (
      await server.call('GET', `/api/executions/${roots[0]}/events?types=${hook.events.join()}`)
    ).body as unknown as EventPage;
    receiver.answer = take;
    const replay = await server.call('POST', '/api/webhooks/demo/billing/replay', { executionId: roots[0] });
    expect(replay.body).toEqual({ executions: 1 });
    const wanted = sequences.events.map(({ sequence }) => sequence);
    await until('all are delivered', async () =>
      Promise.resolve(receiver.taken(roots[0]!).length === wanted.length),
    );
    expect(receiver.taken(roots[0]!)).toEqual(wanted);
    const inRange = { from: HOUR, to: new Date(Date.parse(HOUR) + 7_200_000).toISOString() };
    const all = await server.call('POST', '/api/webhooks/demo/billing/replay', inRange);
    expect(all.body).toEqual({ executions: roots.length + 1 });
    const none = await server.call('POST', '/api/webhooks/demo/billing/replay', {
      from: HOUR,
      to: new Date(Date.parse(HOUR) + 1).toISOString(),
    });
    expect(none.body).toEqual({ executions: 0 });
  });

  it('are deleted with a handful of rows', async () => {
    await untilPacked();
    const [{ n }] = (await rows<{ n: number }>(
      'SELECT count(*)::int AS n FROM cloutagent.segments WHERE execution_id = $1',
      [roots[1]],
    )) as [{ n: number }];
    expect(n).toBeGreaterThan(1);
    expect(n).toBeLessThan(6);
    expect((await server.call('DELETE', `/api/executions/${roots[1]}`)).status).toBe(200);
    expect(await rows('SELECT FROM cloutagent.segments WHERE execution_id = $1', [roots[1]])).toEqual([]);
    expect((await server.call('GET', `/api/executions/${roots[1]}/events`)).status).toBe(404);
  });

  it('are swept by retention', async () => {
    await client.query(`UPDATE cloutagent.executions SET completed_at = now() - interval '60 days'`);
    const sweeper = await open({ RETENTION_SWEEP_INTERVAL_MS: '50' });
    await until('all are deleted', async () => (await rows('SELECT FROM cloutagent.segments')).length === 0);
    expect(await rows('SELECT FROM cloutagent.executions')).toEqual([]);
    await sweeper.kill('SIGTERM');
  });
});
