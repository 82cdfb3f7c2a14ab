import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseControl } from './support/database-control.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const FAR_MS = 3_600_000;

describe('startAt', () => {
  let settings: Record<string, string>;
  let server: Server;
  let database: DatabaseControl;
  beforeAll(async () => {
    settings = {
      DATABASE_URL: await createDatabase(),
      DISPATCH_POLL_INTERVAL_MS: '50',
      MAX_START_DELAY_DAYS: '30',
    };
    server = await Server.start(settings);
    database = await DatabaseControl.open(settings['DATABASE_URL']!);
  });
  afterAll(async () => {
    await database?.close();
    await server?.kill('SIGTERM');
  });

  const short = (startAt?: string, more: object = {}) => start([delay('d', 1)], [], { startAt, ...more });
  const show = async (id: string) => (await server.call('GET', `/api/executions/${id}`)).body;
  const control = (id: string, action: string) => server.call('POST', `/api/executions/${id}/${action}`);
  /** Lets the time come, as it does for the database. */
  const come = (id: string) =>
    database.rows('UPDATE cloutagent.executions SET start_at = now(), runnable_at = now() WHERE id = $1', [
      id,
    ]);
  const rowOf = async (id: string) =>
    (
      await database.rows<{ early: boolean; attempt: number; queued: boolean }>(
        `SELECT started_at < start_at AS early, attempt, runnable_at IS NOT DISTINCT FROM start_at AS queued
         FROM cloutagent.executions WHERE id = $1`,
        [id],
      )
    )[0]!;
  /** Waits until the server has swept the queue several times, by the runs of another execution. */
  const sweeps = async () => {
    const scans = async () =>
      (
        await database.rows<{ scans: string }>(
          `SELECT idx_scan AS scans FROM pg_stat_user_indexes WHERE indexrelname = 'executions_runnable'`,
        )
      )[0]!.scans;
    const before = Number(await scans());
    while (Number(await scans()) < before + 20) await sleep(50);
  };

  it('begins at its time, and not before', async () => {
    const startAt = inMs(2_500);
    const { status, body } = await server.call('POST', '/api/executions', short(startAt));
    expect([status, body.status, body.startAt]).toEqual([202, 'queued', startAt]);
    const list = await server.call('GET', '/api/executions?limit=1');
    expect(list.body.executions[0]).toMatchObject({ id: body.id, startAt });
    await new Watch(server.url, pathOf(body.id)).done();
    expect(await rowOf(body.id)).toMatchObject({ early: false, attempt: 1 });
  });

  it('wakes the server by itself, however rarely that polls', async () => {
    const rare = await Server.start({
      DATABASE_URL: await createDatabase(),
      DISPATCH_POLL_INTERVAL_MS: '600000',
    });
    const first = await rare.startExecution(short(inMs(FAR_MS)));
    const id = await rare.startExecution(short(inMs(1_500)));
    await new Watch(rare.url, pathOf(id)).done();
    expect((await rare.call('GET', `/api/executions/${first}`)).body.status).toBe('queued');
    await rare.kill('SIGTERM');
  });

  it('stays queued over sweeps, a pause, a resume and a restart', async () => {
    const id = await server.startExecution(short(inMs(FAR_MS)));
    const paused = await server.startExecution(short(inMs(FAR_MS)));
    await sweeps();
    expect((await control(id, 'pause')).body.status).toBe('queued');
    expect((await control(id, 'resume')).body.status).toBe('queued');
    expect((await control(paused, 'pause')).body.status).toBe('queued');
    await server.kill();
    server = await Server.start(settings);
    await sweeps();
    for (const each of [id, paused]) expect(await rowOf(each)).toMatchObject({ attempt: 0, queued: true });

    await come(id);
    await new Watch(server.url, pathOf(id)).done();
    expect((await show(id)).status).toBe('completed');
    await come(paused);
    await new Watch(server.url, pathOf(paused)).until(({ frames }) =>
      frames.some(({ type }) => type === 'execution:paused'),
    );
    await control(paused, 'resume');
    await new Watch(server.url, pathOf(paused)).done();
    expect((await show(paused)).status).toBe('completed');
  });

  it('is cancelled at once before its time', async () => {
    const id = await server.startExecution(short(inMs(FAR_MS)));
    const { status, body } = await control(id, 'cancel');
    expect([status, body.status]).toEqual([202, 'cancelled']);
    const watch = await new Watch(server.url, pathOf(id)).done();
    expect(watch.frames.map(({ type }) => type)).toEqual(['execution:cancelled']);
  });

  it('has its whole time limit from the start', async () => {
    const options = { timeoutMs: 1_500 };
    const id = await server.startExecution(short(inMs(2_500), { options }));
    await new Watch(server.url, pathOf(id)).done();
    expect((await show(id)).status).toBe('completed');
  });

  it('keeps a signal that comes before it begins', async () => {
    const wait = { id: 'w', type: 'wait', data: { config: { signal: 'go' } } };
    const id = await server.startExecution(start([wait], [], { startAt: inMs(FAR_MS) }));
    expect((await server.call('POST', `/api/executions/${id}/signals/go`, { n: 1 })).status).toBe(202);
    await sweeps();
    expect(await rowOf(id)).toMatchObject({ attempt: 0, queued: true });
    await come(id);
    await new Watch(server.url, pathOf(id)).done();
    expect((await show(id)).output).toEqual({ n: 1 });
  });

  it('means immediately when it is in the past, and is refused when it is too far', async () => {
    const past = await server.startExecution(short('2020-01-01T00:00:00Z'));
    await new Watch(server.url, pathOf(past)).done();
    expect((await show(past)).startAt).toBe('2020-01-01T00:00:00.000Z');
    const wrong = [
      inMs(31 * 86_400_000),
      '9999-12-31T23:59:59Z',
      '0000-01-01T00:00:00Z',
      '2026-11-27T18:00:00+02:00',
      'tomorrow',
      '2026-11-27',
      5,
    ];
    for (const startAt of wrong) {
      const { status, body } = await server.call('POST', '/api/executions', short(startAt as string));
      expect([status, body.code, body.errors[0]?.path]).toEqual([400, 'validation_failed', 'startAt']);
    }
  });

  it('is a part of the request that an Idempotency-Key repeats', async () => {
    const startAt = inMs(FAR_MS);
    const post = (body: object) =>
      server.call('POST', '/api/executions', body, { 'idempotency-key': 'later' });
    const first = await post(short(startAt));
    const { workflow, ...rest } = short(startAt) as { workflow: object };
    expect((await post(short(startAt))).body.id).toBe(first.body.id);
    expect((await post({ workflow, ...rest })).body.id).toBe(first.body.id);
    expect((await post(short(inMs(2 * FAR_MS)))).body.code).toBe('idempotency_key_reused');
    await control(first.body.id, 'cancel');
  });

  it('is not copied by a re-run', async () => {
    const id = await server.startExecution(
      start([agent('a', { delayMs: 0 })], [], { startAt: inMs(FAR_MS) }),
    );
    await control(id, 'cancel');
    const { status, body } = await server.call('POST', `/api/executions/${id}/rerun`, {});
    expect([status, body.startAt]).toEqual([202, undefined]);
    await new Watch(server.url, pathOf(body.id)).done();
  });
});
