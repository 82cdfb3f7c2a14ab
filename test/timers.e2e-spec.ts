import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { delay, ids, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query<{ n: number }>(text);
  } finally {
    await client.end();
  }
}

const statusOf = async (server: Server, id: string) =>
  (await server.call('GET', `/api/executions/${id}`)).body.status as string;
const watching = (server: Server, id: string) => new Watch(server.url, pathOf(id));
const whenWaiting = (server: Server, id: string) =>
  watching(server, id).until((now) => now.frames.some(({ type }) => type === 'execution:waiting'));
const secondsBetween = (watch: Watch, first: string, last: string): number => {
  const at = (type: string) => Date.parse(watch.frames.find((frame) => frame.type === type)!.data.timestamp);
  return (at(last) - at(first)) / 1_000;
};

describe('a delay', () => {
  it.each([
    { away: 'shorter than the delay', awayMs: 500 },
    { away: 'longer than the delay', awayMs: 5_000 },
  ])('keeps its time while no process runs, $away', async ({ awayMs }) => {
    const settings = { DATABASE_URL: await createDatabase(), PARK_TIMEOUT_MS: '0', NODE_TIMEOUT_MS: '1000' };
    const first = await Server.start(settings);
    const id = await first.startExecution(start([delay('d', 4_000)]));
    await whenWaiting(first, id);
    expect(await statusOf(first, id)).toBe('waiting');
    const endOfWait = async () =>
      (await query(settings.DATABASE_URL, 'SELECT until::text FROM cloutagent.waits')).rows;
    const end = await endOfWait();
    expect(end).toEqual([{ until: expect.any(String) }]);
    await first.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    const second = await Server.start(settings);
    const watch = await watching(second, id).done();
    expect(watch.frames.map(({ type }) => type)).toEqual([
      'execution:started',
      'execution:step',
      'execution:step',
      'execution:waiting',
      'execution:wait-ended',
      'execution:step',
      'execution:step',
      'execution:progress',
      'execution:completed',
    ]);
    expect(watch.frames.find(({ type }) => type === 'execution:wait-ended')!.data).toMatchObject({
      kind: 'timer',
      outcome: 'fired',
    });
    expect(await endOfWait()).toEqual(end);
    expect(secondsBetween(watch, 'execution:waiting', 'execution:wait-ended')).toBeGreaterThanOrEqual(3.9);
    const done = watch.frames.findLast(({ type }) => type === 'execution:step')!.data;
    expect(done.duration).toBeGreaterThanOrEqual(3_900);
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    await second.kill('SIGTERM');
  });

  it('waits until a time, and continues at once if the time has passed', async () => {
    const server = await Server.start({ DATABASE_URL: await createDatabase() });
    const until = (time: number) => ({
      id: 'd',
      type: 'delay',
      data: { config: { until: new Date(time).toISOString() } },
    });
    const past = await server.startExecution(start([until(0)]));
    const soon = await server.startExecution(start([until(Date.now() + 2_000)]));
    expect((await watching(server, past).done()).frames.at(-1)!.type).toBe('execution:completed');
    const watch = await watching(server, soon).done();
    expect(secondsBetween(watch, 'execution:waiting', 'execution:wait-ended')).toBeGreaterThan(1);
    await server.kill('SIGTERM');
  });
});

describe('a waiting execution', () => {
  it('leaves memory, takes no slot, and survives a kill without being started again', async () => {
    const settings = {
      DATABASE_URL: await createDatabase(),
      PARK_TIMEOUT_MS: '0',
      MAX_EXECUTIONS_PER_PROCESS: '1',
    };
    const first = await Server.start(settings);
    const waiting = await Promise.all(
      Array.from({ length: 20 }, () => first.startExecution(start([delay('d', 60_000)]))),
    );
    for (const id of waiting) await whenWaiting(first, id);
    const parked = async () =>
      (
        await query(
          settings.DATABASE_URL,
          `SELECT count(*)::int AS n FROM cloutagent.executions WHERE owner IS NULL AND parked AND runnable_at IS NULL`,
        )
      ).rows[0]!.n;
    while ((await parked()) < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    await first.kill();
    const second = await Server.start(settings);
    await second.call('POST', `/api/executions/${waiting[0]}/pause`);
    const paused = await watching(second, waiting[0]!).until((now) =>
      now.frames.some(({ type }) => type === 'execution:paused'),
    );
    expect(paused.frames.filter(({ type }) => type === 'execution:started')).toHaveLength(1);
    await second.call('POST', `/api/executions/${waiting[0]}/resume`);
    await paused.until((now) => now.frames.some(({ type }) => type === 'execution:resumed'));
    expect(await statusOf(second, waiting[0]!)).toBe('waiting');
    for (const id of waiting) {
      await second.call('POST', `/api/executions/${id}/cancel`);
      const watch = await watching(second, id).done();
      expect(watch.frames.filter(({ type }) => TERMINAL.test(type))).toHaveLength(1);
      expect(watch.frames.map(({ type }) => type)).toContain('execution:wait-ended');
    }
    const open = await query(
      settings.DATABASE_URL,
      'SELECT count(*)::int AS n FROM cloutagent.waits WHERE outcome IS NULL OR NOT recorded',
    );
    expect(open.rows[0]!.n).toBe(0);
    await second.kill('SIGTERM');
  });
});

describe('a retry with a long backoff', () => {
  let target: HttpServer;
  let requests = 0;

  beforeAll(async () => {
    target = createServer((_request, response) => {
      requests += 1;
      if (requests > 1) response.end('"done"');
      else response.writeHead(429, { 'Retry-After': '4' }).end();
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  });

  afterAll(() => target.close());

  it('waits by a timer, which survives a restart', async () => {
    const port = (target.address() as AddressInfo).port;
    const settings = {
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: `127.0.0.1:${port}`,
      LONG_RETRY_DELAY_MS: '1000',
    };
    const first = await Server.start(settings);
    const node = { id: 'call', type: 'http', data: { config: { url: `http://127.0.0.1:${port}/` } } };
    const id = await first.startExecution(start([node]));
    await whenWaiting(first, id);
    expect(await statusOf(first, id)).toBe('waiting');
    await first.kill();
    const second = await Server.start(settings);
    const watch = await watching(second, id).done();
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(requests).toBe(2);
    expect(secondsBetween(watch, 'execution:waiting', 'execution:wait-ended')).toBeGreaterThan(3.8);
    const steps = watch.frames.filter(({ type }) => type === 'execution:step');
    expect(steps.map(({ data }) => [data.status, data.attempt])).toEqual([
      ['running', 1],
      ['retrying', 1],
      ['running', 2],
      ['completed', 2],
    ]);
    await second.kill('SIGTERM');
  });
});
