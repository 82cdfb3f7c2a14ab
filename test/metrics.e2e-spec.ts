import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { Exposition } from './support/exposition.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

const TOKEN = 'a-metrics-token-of-more-than-32-characters';

/** Sends GET /metrics with exactly these headers, because fetch sets Host itself. */
async function get(
  base: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; type: string }> {
  const asked = request(new URL('/metrics', base), { headers, agent: false }).end();
  const [response] = await once(asked, 'response');
  response.setEncoding('utf8');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode, text, type: String(response.headers['content-type']) };
}
const scrape = async (base: string): Promise<Exposition> => new Exposition((await get(base)).text);

/**
 * Scrapes until a condition holds, because some values are counted shortly after the client has the response.
 * @throws Error when it does not hold within twenty seconds
 */
async function until(base: string, condition: (metrics: Exposition) => boolean): Promise<Exposition> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const metrics = await scrape(base);
    if (condition(metrics)) return metrics;
    if (Date.now() > deadline) throw new Error('the metrics never fulfilled the condition');
  }
}

describe('/metrics', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      MAX_METRICS_MODELS: '2',
      RATE_LIMIT_REQUESTS: '60',
      CHANNEL_BUFFER_MAX_BYTES: '2000',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  it('counts executions, events, streams, tokens and requests', async () => {
    const before = await get(server.url);
    expect(before).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    const nodes = [
      agent('a', { chunks: 20 }),
      agent('b', { chunks: 3 }, { model: 'demo/second' }),
      agent('c', { chunks: 3 }, { model: 'demo/third' }),
      { id: 'ask', type: 'approval', data: {} },
    ];
    const id = await server.startExecution(
      start(nodes, [
        ['a', 'ask'],
        ['b', 'ask'],
        ['c', 'ask'],
      ]),
    );
    const path = `/api/executions/${id}/stream`;
    const waits = (now: Watch) => now.frames.some(({ data }) => data.nodeType === 'approval');
    const watches = await Promise.all([1, 2, 3].map(() => new Watch(server.url, path).until(waits)));
    const open = await scrape(server.url);
    expect(open.value('cloutagent_streams_open')).toBe(3);
    expect(open.value('cloutagent_streams_blocked')).toBe(0);
    expect(open.value('cloutagent_executions_running')).toBe(1);
    expect(open.value('cloutagent_channel_streams_bucket', { le: '2' })).toBe(0);
    expect(open.value('cloutagent_channel_streams_bucket', { le: '5' })).toBe(1);
    expect(open.value('cloutagent_channel_streams_count')).toBe(1);

    await server.call('POST', `/api/executions/${id}/approve`);
    await Promise.all(watches.map((watch) => watch.done()));
    await new Watch(server.url, path).done();
    const ended = await until(server.url, (now) => now.value('cloutagent_streams_open') === 0);
    const { body } = await server.call('GET', `/api/executions/${id}`);
    const counts = (name: string, labels = {}) => ended.value(`cloutagent_${name}`, labels);
    expect(ended.total('cloutagent_events_published_total')).toBe(body.lastSequence);
    expect(counts('events_published_total', { type: 'execution:completed' })).toBe(1);
    expect(counts('journal_flush_events_sum')).toBe(body.lastSequence);
    expect(counts('journal_commit_seconds_count')).toBe(counts('journal_flush_events_count'));
    expect(counts('journal_commit_seconds_sum')).toBeGreaterThan(0);
    expect(counts('events_delivered_total')).toBe(4 * body.lastSequence);
    expect(counts('stream_bytes_total')).toBeGreaterThan(4 * 100 * body.lastSequence);
    expect(counts('catch_up_reads_total')).toBeGreaterThan(0);
    expect(counts('recent_events_evicted_total')).toBeGreaterThan(0);
    expect(counts('streams_opened_total')).toBe(4);
    expect(counts('executions_started_total')).toBe(1);
    expect(counts('executions_running')).toBe(0);
    expect(counts('executions_ended_total', { status: 'completed' })).toBe(1);
    expect(counts('executions_ended_total', { status: 'failed' })).toBe(0);
    expect(counts('steps_total', { type: 'agent', result: 'completed' })).toBe(3);
    expect(counts('steps_total', { type: 'approval', result: 'completed' })).toBe(1);
    const models = ended.labelValues('model');
    expect(models.size).toBe(3);
    expect(models.has('other')).toBe(true);
    expect(ended.total('cloutagent_model_tokens_total')).toBe(body.tokenUsage.total);
    const stream = { method: 'GET', route: '/api/executions/:executionId/stream', status: '200' };
    expect(counts('http_requests_total', stream)).toBe(4);
    expect(counts('http_request_seconds_count', { method: 'GET', route: stream.route })).toBeUndefined();
    expect(counts('http_request_seconds_count', { method: 'POST', route: '/api/executions' })).toBe(1);
    expect(counts('database_connections', { state: 'busy' })).toBeGreaterThanOrEqual(0);
    expect(ended.types.get('nodejs_eventloop_lag_p99_seconds')).toBe('gauge');
    expect(ended.types.get('process_resident_memory_bytes')).toBe('gauge');
  });

  it('counts failures by kind, and clients cannot create labels', async () => {
    const id = await server.startExecution(start([delay('d', 60_000)]));
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).until(
      (now) => now.frames.length > 1,
    );
    await server.call('POST', `/api/executions/${id}/cancel`);
    await watch.done();
    await server.call('GET', '/api/executions', undefined, { authorization: 'Bearer wrong' });
    await fetch(new URL('/api/executions', server.url));
    await fetch(new URL(`/no/${'such'.repeat(9)}`, server.url), { method: 'PROPFIND' });
    let refused = 0;
    while (refused === 0) refused += Number((await server.call('GET', '/api/executions')).status === 429);
    const metrics = await until(
      server.url,
      (now) => now.value('cloutagent_rate_limited_total', { code: 'rate_limited' }) !== undefined,
    );
    const counts = (name: string, labels = {}) => metrics.value(`cloutagent_${name}`, labels);
    expect(counts('executions_ended_total', { status: 'cancelled' })).toBe(1);
    expect(counts('steps_total', { type: 'delay', result: 'cancelled' })).toBe(1);
    expect(counts('rate_limited_total', { code: 'rate_limited' })).toBe(refused);
    expect(counts('auth_failures_total', { code: 'invalid_credentials' })).toBe(1);
    expect(counts('auth_failures_total', { code: 'credentials_missing' })).toBe(1);
    expect(counts('http_requests_total', { method: 'other', route: 'none', status: '404' })).toBe(1);
    expect([...metrics.labelValues('route')].filter((route) => route.includes('such'))).toEqual([]);
  });

  it('counts the notifications of other processes, and none of its own', async () => {
    const DATABASE_URL = await createDatabase();
    const first = await Server.start({ DATABASE_URL });
    const second = await Server.start({ DATABASE_URL });
    const received = (metrics: Exposition) =>
      metrics.value('cloutagent_notifications_received_total', { carrier: 'postgresql' });
    const id = await first.startExecution(start([agent('a', { chunks: 20, delayMs: 5 })]));
    await new Watch(second.url, `/api/executions/${id}/stream`).done();
    await until(second.url, (metrics) => received(metrics)! > 0);
    expect(received(await scrape(first.url))).toBe(0);
    await Promise.all([first.kill(), second.kill()]);
  });

  const admin = { authorization: `Bearer ${ADMIN_KEY}` };
  const proxied = { 'x-forwarded-for': '192.0.2.1' };

  it('without METRICS_TOKEN answers this machine and the scope keys:manage', async () => {
    expect((await get(server.url, proxied)).status).toBe(401);
    expect((await get(server.url, { host: 'evil.example' })).status).toBe(401);
    expect((await get(server.url, { authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await get(server.url, { ...admin, ...proxied })).status).toBe(200);
  });

  it('with METRICS_TOKEN answers the token and the scope keys:manage', async () => {
    const guarded = await Server.start({ DATABASE_URL: await createDatabase(), METRICS_TOKEN: TOKEN });
    const reader = { name: 'reader', projects: ['*'], scopes: ['executions:read'] };
    const { key } = (await guarded.call('POST', '/api/keys', reader)).body as { key: string };
    expect((await get(guarded.url)).status).toBe(401);
    expect((await get(guarded.url, { authorization: `Bearer ${key}` })).status).toBe(403);
    expect((await get(guarded.url, { authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await get(guarded.url, { ...proxied, authorization: `Bearer ${TOKEN}` })).status).toBe(200);
    expect((await get(guarded.url, admin)).status).toBe(200);
    const elsewhere = await guarded.call('GET', '/api/executions', undefined, {
      authorization: `Bearer ${TOKEN}`,
    });
    expect(elsewhere.status).toBe(401);
    await guarded.kill('SIGTERM');
  });

  it('has separate values for two applications in one process', async () => {
    const program = `
      const { createApp } = await import('./dist/create-app.js');
      const { parseSettings } = await import('./dist/config/settings.js');
      const apps = await Promise.all(process.argv.slice(1).map((DATABASE_URL) =>
        createApp(parseSettings({ DATABASE_URL, BOOTSTRAP_API_KEY: '${ADMIN_KEY}' }))));
      for (const app of apps) await app.listen(0, '127.0.0.1');
      console.log(JSON.stringify(await Promise.all(apps.map((app) => app.getUrl()))));
      process.on('SIGTERM', () => Promise.all(apps.map((app) => app.close())).then(() => process.exit(0)));`;
    const databases = [await createDatabase(), await createDatabase()];
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, ...databases], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const [one, two] = JSON.parse(line.toString()) as [string, string];
    const started = await fetch(`${one}/api/executions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(start([agent('a', { chunks: 2 })])),
    });
    const { id } = (await started.json()) as { id: string };
    await new Watch(one, `/api/executions/${id}/stream`).done();
    const [first, second] = [await scrape(one), await scrape(two)];
    expect(first.value('cloutagent_executions_started_total')).toBe(1);
    expect(first.total('cloutagent_http_requests_total')).toBeGreaterThan(0);
    expect(second.value('cloutagent_executions_started_total')).toBe(0);
    expect(second.total('cloutagent_events_published_total')).toBe(0);
    expect(second.total('cloutagent_http_requests_total')).toBe(0);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  });
});
