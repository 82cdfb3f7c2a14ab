import { CloutAgent } from '@cloutagent/client';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ExtensionServer } from './support/extension-server.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, pathOf, start, TERMINAL, Watch } from './support/watch.js';

/** What a listener wrote about a call. */
interface Line {
  what: string;
  id: string;
  sequence: number;
  type: string;
  attempt: number;
  pid: number;
}

const IMPORTS = `
  import { appendFileSync, existsSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import type { Delivery } from '../events/delivery.js';
  type Event = { executionId: string; sequence: number; type: string };
  const record = (what: string, { executionId: id, sequence, type }: Event, { attempt }: Delivery) =>
    appendFileSync(process.env['RECORD']!, JSON.stringify({ what, id, sequence, type, attempt, pid: process.pid }) + '\\n');
`;
/** A module with one listener, which begins and ends each call with a line in the file RECORD. */
const moduleOf = (types: string, body: string): string => `${IMPORTS}
  @Injectable()
  class Recorder {
    @OnExecutionEvent(${types}, { durable: 'recorder' })
    async record(event: Event, delivery: Delivery) {
      record('begin', event, delivery);
      ${body}
      record('end', event, delivery);
    }
  }
  @Module({ providers: [Recorder] })
  class TeamModule {}
`;
const FAST = {
  JOURNAL_POLL_INTERVAL_MS: '100',
  DELIVERY_RETRY_BASE_MS: '5',
  DELIVERY_RETRY_MAX_MS: '20',
  RETRY_BASE_MS: '5',
};
const DEADLINE_MS = 60_000;

async function until<T>(read: () => Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached in time: ${JSON.stringify(value).slice(0, 500)}`);
    await sleep(20);
  }
}

describe('a durable listener', () => {
  let folder: string;
  let settings: Record<string, string>;
  let client: pg.Client;
  const running: ExtensionServer[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'listener-'));
    settings = { ...FAST, DATABASE_URL: await createDatabase(), RECORD: join(folder, 'record') };
    client = new pg.Client({ connectionString: settings['DATABASE_URL']! });
    await client.connect();
  });
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
    await client.end();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (code: string, more: Record<string, string> = {}): Promise<Server> => {
    const extension = await ExtensionServer.start(code, { ...settings, ...more });
    running.push(extension);
    return extension.server;
  };
  const lines = async (): Promise<Line[]> => {
    const text = await readFile(settings['RECORD']!, 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);
  };
  const ended = (server: Server, id: string) =>
    new Watch(server.url, pathOf(id)).until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
  const recorder = async (server: Server) =>
    (await server.call('GET', '/api/listeners')).body.listeners.find(({ name }) => name === 'recorder')!;
  const delivered = (server: Server) =>
    until(
      () => recorder(server),
      ({ pending, dead }) => pending === 0 && dead === 0,
    );
  /** Sequences in the order in which the listener first completed them. */
  const firstSightings = (all: readonly Line[], id: string): number[] => [
    ...new Set(all.filter((line) => line.what === 'end' && line.id === id).map(({ sequence }) => sequence)),
  ];
  const sequencesOf = async (id: string, types: readonly string[]): Promise<number[]> =>
    (
      await client.query<{ sequence: number }>(
        'SELECT sequence FROM cloutagent.events WHERE execution_id = $1 AND type = ANY ($2) ORDER BY sequence',
        [id, types],
      )
    ).rows.map(({ sequence }) => sequence);

  const lockDeliveries = async (): Promise<() => Promise<void>> => {
    const holder = new pg.Client({ connectionString: settings['DATABASE_URL']! });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('LOCK TABLE cloutagent.deliveries');
    return () => holder.end();
  };

  it('gets every event at least once and in order, although its process is killed ten times', async () => {
    const types = ['execution:step', 'execution:output', 'execution:completed'];
    const code = moduleOf(JSON.stringify(types), 'await sleep(2);');
    const more = { MAX_ATTEMPTS_PER_DELIVERY: '1000', MAX_RECOVERIES_PER_EXECUTION: '1000' };
    const chatty = start([agent('a', { chunks: 40, delayMs: 10 }), agent('b', { chunks: 10 })], [['a', 'b']]);
    const executions: string[] = [];
    let server = await run(code, more);
    for (let kills = 0; kills < 10; kills += 1) {
      executions.push(await server.startExecution(chatty), await server.startExecution(chatty));
      const before = (await lines()).length;
      await until(lines, ({ length }) => length > before + 30);
      await server.kill('SIGKILL');
      server = await run(code, more);
    }
    for (const id of executions) await ended(server, id);
    await delivered(server);
    const all = await lines();
    for (const id of executions) {
      const expected = await sequencesOf(id, types);
      expect(expected.length).toBeGreaterThan(50);
      expect(firstSightings(all, id)).toEqual(expected);
    }
    const { rows } = await client.query('SELECT * FROM cloutagent.deliveries');
    expect(rows).toEqual([]);
  });

  it('is called again after a failure, before it gets the next event of the execution', async () => {
    const code = moduleOf(
      `'execution:step'`,
      `if (event.sequence === firstOf(event) && delivery.attempt <= 3) throw delivery.attempt === 1 ? Object.assign(new Error(), { message: 42 }) : new Error('not yet');`,
    ).replace(
      '@Injectable()',
      `const first = new Map<string, number>();
       const firstOf = ({ executionId, sequence }: Event) =>
         first.get(executionId) ?? (first.set(executionId, sequence), sequence);
       @Injectable()`,
    );
    const server = await run(code);
    const id = await server.startExecution(start([delay('a', 1), delay('b', 1)], [['a', 'b']]));
    await ended(server, id);
    await delivered(server);
    const begun = (await lines()).filter(({ what }) => what === 'begin');
    const [first, ...others] = await sequencesOf(id, ['execution:step']);
    expect(begun.map(({ sequence, attempt }) => [sequence, attempt])).toEqual([
      [first, 1],
      [first, 2],
      [first, 3],
      [first, 4],
      ...others.map((sequence) => [sequence, 1]),
    ]);
    expect((await server.call('GET', '/metrics')).text).toContain(
      'cloutagent_deliveries_total{subscriber="listener:recorder",result="failed"} 3',
    );
  });

  it('is not called for an execution whose delivery is dead until an operator replays it or skips the event', async () => {
    const code = moduleOf(
      `['execution:started', 'execution:completed']`,
      `if (event.type === 'execution:started' && !existsSync(process.env['RECORD'] + '.repaired'))
         throw new Error('broken \\0 for now');`,
    );
    const server = await run(code, { MAX_ATTEMPTS_PER_DELIVERY: '2' });
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push(await server.startExecution(start([delay('a', 1)])));
    ids.sort();
    for (const id of ids) await ended(server, id);
    expect(
      await until(
        () => recorder(server),
        ({ dead }) => dead === 3,
      ),
    ).toMatchObject({
      name: 'recorder',
      types: ['execution:completed', 'execution:started'],
      pending: 0,
      pendingSince: null,
    });
    expect((await lines()).map(({ type }) => type)).not.toContain('execution:completed');

    const { listeners } = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
    const page = await listeners.dead('recorder', { limit: 2 });
    expect(page.deliveries.map(({ executionId }) => executionId)).toEqual(ids.slice(0, 2));
    expect(page.deliveries[0]).toMatchObject({
      sequence: 1,
      type: 'execution:started',
      attempts: 2,
      error: 'broken  for now',
      diedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const rest = await listeners.dead('recorder', { limit: 2, cursor: page.nextCursor! });
    expect(rest).toMatchObject({ deliveries: [{ executionId: ids[2] }], nextCursor: null });

    const notFound = { status: 404, code: 'not_found' };
    const first = { executionId: ids[0]! };
    await expect(listeners.skip('recorder', { ...first, sequence: 2 })).rejects.toMatchObject(notFound);
    await listeners.skip('recorder', { ...first, sequence: 1 });
    await until(lines, (all) => firstSightings(all, ids[0]!).length === 1);
    expect((await lines()).at(-1)).toMatchObject({ type: 'execution:completed', id: ids[0] });

    // Not repaired: it fails again, and is dead again.
    expect(await listeners.replay('recorder', { executionId: ids[1]! })).toEqual({ replayed: 1 });
    await until(lines, (all) => all.filter(({ id }) => id === ids[1]).length === 4);
    await until(
      () => recorder(server),
      (now) => now.dead === 2,
    );
    await writeFile(`${settings['RECORD']}.repaired`, '');
    expect(await listeners.replay('recorder')).toEqual({ replayed: 2 });
    await delivered(server);
    for (const id of ids.slice(1))
      expect(firstSightings(await lines(), id)).toEqual(
        await sequencesOf(id, ['execution:started', 'execution:completed']),
      );
    await expect(listeners.replay('recorder', { executionId: ids[1]! })).rejects.toMatchObject(notFound);
  });

  it('delays no execution, no stream and no other listener when it is slow', async () => {
    const code = moduleOf(`'execution:output'`, 'await untilAborted(delivery.signal);').replace(
      '@Module({ providers: [Recorder] })',
      `const untilAborted = (signal: AbortSignal) =>
         new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
       @Injectable()
       class Fast {
         @OnExecutionEvent('execution:completed', { durable: 'fast' })
         take(event: Event, delivery: Delivery) { record('fast', event, delivery); }
       }
       @Module({ providers: [Recorder, Fast] })`,
    );
    const server = await run(code, { DELIVERY_TIMEOUT_MS: '60000', MAX_DELIVERIES_PER_SUBSCRIBER: '2' });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) ids.push(await server.startExecution(start([agent('a', { chunks: 5 })])));
    for (const id of ids) await ended(server, id);
    const all = await until(lines, (now) => now.filter(({ what }) => what === 'fast').length === 6);
    // The slow listener has two calls at a time, each with the first chunk of an execution.
    await until(lines, (now) => now.filter(({ what }) => what === 'begin').length === 2);
    expect(all.some(({ what }) => what === 'end')).toBe(false);
    expect(await recorder(server)).toMatchObject({ pending: 6, dead: 0 });
  });

  it('is called again when a call takes too long, and its signal says so', async () => {
    const code = moduleOf(
      `'execution:completed'`,
      `if (delivery.attempt === 1) {
         delivery.signal.addEventListener('abort', () => record(delivery.signal.reason.message, event, delivery));
         await new Promise(() => undefined);
       }`,
    );
    const server = await run(code, { DELIVERY_TIMEOUT_MS: '50' });
    const id = await server.startExecution(start([delay('a', 1)]));
    await ended(server, id);
    await until(lines, (all) => firstSightings(all, id).length === 1);
    expect((await lines()).map(({ what, attempt }) => [what, attempt])).toEqual([
      ['begin', 1],
      ['timed out after 50 ms', 1],
      ['begin', 2],
      ['end', 2],
    ]);
  });

  it('becomes dead at an event that ends the process each time', async () => {
    const code = moduleOf(
      `'execution:completed'`,
      'process.kill(process.pid, "SIGKILL"); await sleep(1_000);',
    );
    const more = { MAX_ATTEMPTS_PER_DELIVERY: '2' };
    const first = await run(code, more);
    await first.startExecution(start([delay('a', 1)]));
    await until(
      () => Promise.resolve(first.process.signalCode),
      (signal) => signal !== null,
    );
    const second = await run(code, more);
    await until(
      () => Promise.resolve(second.process.signalCode),
      (signal) => signal !== null,
    );
    const third = await run(code, more);
    await until(
      () => recorder(third),
      ({ dead }) => dead === 1,
    );
    expect((await lines()).map(({ attempt }) => attempt)).toEqual([1, 2]);
    const { body } = await third.call('GET', '/api/listeners/recorder/dead');
    expect(body.deliveries).toMatchObject([
      { type: 'execution:completed', attempts: 2, error: 'the process ended during the last attempt' },
    ]);
  });

  it('gets all events of an execution that was open when the listener was registered for the first time', async () => {
    const types = ['execution:started', 'execution:step', 'execution:completed'];
    const without = await run('@Module({}) class TeamModule {}');
    const triggers = `SELECT tgname FROM pg_trigger WHERE tgrelid = 'cloutagent.events'::regclass AND NOT tgisinternal`;
    expect((await client.query(triggers)).rows).toEqual([]);
    const before = await without.startExecution(start([delay('a', 1)]));
    await ended(without, before);
    const open = await without.startExecution(
      start([delay('a', 1), { id: 'ask', type: 'approval' }], [['a', 'ask']]),
    );
    await new Watch(without.url, pathOf(open)).until(({ frames }) =>
      frames.some(({ data }) => data.nodeId === 'ask'),
    );
    await without.kill('SIGTERM');

    const server = await run(moduleOf(JSON.stringify(types), ''));
    await until(lines, (all) => firstSightings(all, open).length > 2);
    await server.call('POST', `/api/executions/${open}/approve`);
    await ended(server, open);
    const after = await server.startExecution(start([delay('a', 1)]));
    await ended(server, after);
    await delivered(server);
    const all = await lines();
    for (const id of [open, after]) expect(firstSightings(all, id)).toEqual(await sequencesOf(id, types));
    expect(firstSightings(all, before)).toEqual([]);
    expect((await client.query(triggers)).rows).toEqual([{ tgname: 'events_deliveries' }]);
  });

  it('shares the work between processes, which never call it for two events of an execution at the same time', async () => {
    const types = ['execution:output', 'execution:step'];
    const code = moduleOf(JSON.stringify(types), 'await sleep(1);');
    const more = { MAX_DELIVERIES_PER_SUBSCRIBER: '3', MAX_EXECUTIONS_PER_PROCESS: '10' };
    const [one, two] = [await run(code, more), await run(code, more)];
    const ids: string[] = [];
    for (let n = 0; n < 20; n += 1)
      ids.push(await (n % 2 ? one : two).startExecution(start([agent('a', { chunks: 60, delayMs: 3 })])));
    for (const id of ids) await ended(one, id);
    await delivered(one);
    const all = await lines();
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(2);
    for (const id of ids) {
      const calls = all.filter((line) => line.id === id).map(({ what, sequence }) => `${what} ${sequence}`);
      // Neither process fails here, so no event is delivered twice.
      const expected = await sequencesOf(id, types);
      expect(calls).toEqual(expected.flatMap((sequence) => [`begin ${sequence}`, `end ${sequence}`]));
    }
  });

  it('loses its delivery to another process when its own process hangs, and cannot change it afterwards', async () => {
    const code = moduleOf(
      `['execution:started', 'execution:completed']`,
      `while (event.type === 'execution:started' && !existsSync(process.env['RECORD'] + '.' + delivery.attempt))
         await sleep(5);`,
    );
    const more = { DELIVERY_LEASE_MS: '300', DELIVERY_TIMEOUT_MS: '600000' };
    const hanging = await run(code, more);
    const id = await hanging.startExecution(start([delay('a', 1)]));
    await until(lines, ({ length }) => length === 1);
    await ended(hanging, id);
    hanging.process.kill('SIGSTOP');
    const other = await run(code, more);
    await until(lines, (all) => all.some(({ attempt }) => attempt === 2));
    hanging.process.kill('SIGCONT');
    await writeFile(`${settings['RECORD']}.1`, '');
    await until(lines, (all) => firstSightings(all, id).length === 1);
    // The first call has ended, but the second one holds the delivery.
    expect(await recorder(other)).toMatchObject({ pending: 1 });
    await writeFile(`${settings['RECORD']}.2`, '');
    await delivered(other);
    const { pid: first } = hanging.process;
    const { pid: second } = other.process;
    const last = (await sequencesOf(id, ['execution:completed']))[0];
    expect((await lines()).map(({ pid, what, sequence, attempt }) => [pid, what, sequence, attempt])).toEqual(
      [
        [first, 'begin', 1, 1],
        [second, 'begin', 1, 2],
        [first, 'end', 1, 1],
        [second, 'end', 1, 2],
        [second, 'begin', last, 1],
        [second, 'end', last, 1],
      ],
    );
  });

  it('is told to end its call when its lease ends unrenewed, before another call begins', async () => {
    const code = moduleOf(
      `'execution:started'`,
      `if (delivery.attempt === 1) {
         await new Promise((resolve) => delivery.signal.addEventListener('abort', resolve));
         record('aborted', event, delivery);
       }`,
    );
    const more = { DELIVERY_LEASE_MS: '300', DELIVERY_TIMEOUT_MS: '600000' };
    const server = await run(code, more);
    const id = await server.startExecution(start([delay('a', 1)]));
    await until(lines, ({ length }) => length === 1);
    // The database answers nothing about deliveries now, so the process cannot know whether another one has taken over.
    const unlock = await lockDeliveries();
    await until(lines, (all) => all.some(({ what }) => what === 'aborted'));
    await unlock();
    await until(lines, (all) => firstSightings(all, id).length === 1 && all.length >= 5);
    expect((await lines()).map(({ what, attempt }) => [what, attempt])).toEqual([
      ['begin', 1],
      ['aborted', 1],
      ['end', 1],
      ['begin', 2],
      ['end', 2],
    ]);
  });

  it('keeps an execution beyond RETENTION_DAYS until it has its events, up to UNDELIVERED_RETENTION_DAYS', async () => {
    const code = moduleOf(
      `'execution:completed'`,
      `if (!existsSync(process.env['RECORD'] + '.repaired')) throw new Error('broken');`,
    );
    const server = await run(code, {
      MAX_ATTEMPTS_PER_DELIVERY: '1',
      RETENTION_DAYS: '1',
      UNDELIVERED_RETENTION_DAYS: '2',
      RETENTION_SWEEP_INTERVAL_MS: '100',
    });
    const ids: string[] = [];
    for (let n = 0; n < 2; n += 1) ids.push(await server.startExecution(start([delay('a', 1)])));
    for (const id of ids) await ended(server, id);
    await until(
      () => recorder(server),
      ({ dead }) => dead === 2,
    );
    const age = (id: string, hours: number) =>
      client.query(
        `UPDATE cloutagent.executions SET completed_at = now() - $2 * interval '1 hour' WHERE id = $1`,
        [id, hours],
      );
    const isGone = async (id: string) => (await server.call('GET', `/api/executions/${id}`)).status === 404;
    const [kept, lost] = ids as [string, string];
    await age(kept, 71);
    await age(lost, 73);
    await until(() => isGone(lost), Boolean);
    expect(server.output()).toContain(
      '1 expired executions were deleted although listener:recorder has not got all of their events',
    );
    expect(await isGone(kept)).toBe(false);
    await writeFile(`${settings['RECORD']}.repaired`, '');
    await server.call('POST', '/api/listeners/recorder/replay');
    await until(() => isGone(kept), Boolean);
    expect(firstSightings(await lines(), kept)).toHaveLength(1);
  });

  it('gets the types of the newest start, from then on', async () => {
    const old = await run(moduleOf(`'execution:started'`, ''));
    const id = await old.startExecution(start([{ id: 'ask', type: 'approval' }]));
    await until(lines, (all) => firstSightings(all, id).length === 1);
    const code = moduleOf(`['execution:completed', 'execution:started']`, '');
    const types = ['execution:completed', 'execution:started'];
    expect((await recorder(await run(code))).types).toEqual(types);
    await running.at(-1)!.server.kill('SIGTERM');
    // The process with the old code is alone now, and does not pass over the events that it does not know.
    await until(
      () => Promise.resolve(old.output()),
      (log) => log.includes('another process has registered listener:recorder with other event types'),
    );
    await old.call('POST', `/api/executions/${id}/approve`);
    await ended(old, id);
    const { pid } = (await run(code)).process;
    await until(lines, (all) => firstSightings(all, id).length === 2);
    expect((await lines()).at(-1)).toMatchObject({ type: 'execution:completed', pid });
  });

  it('can be deleted once it is no longer in the code', async () => {
    const server = await run(moduleOf(`['execution:output', 'execution:completed']`, ''));
    await ended(server, await server.startExecution(start([agent('a')])));
    await delivered(server);
    const { listeners } = new CloutAgent({ baseUrl: server.url, apiKey: ADMIN_KEY });
    await expect(listeners.remove('recorder')).rejects.toMatchObject({
      status: 409,
      code: 'listener_active',
    });
    await server.kill('SIGTERM');
    const without = await run('@Module({}) class TeamModule {}');
    const open = await without.startExecution(start([delay('a', 1)]));
    await ended(without, open);
    expect(await recorder(without)).toMatchObject({ pending: 1 });
    await until(
      async () => (await without.call('DELETE', '/api/listeners/recorder')).status,
      (status) => status === 204,
    );
    expect((await without.call('GET', '/api/listeners')).body).toEqual({ listeners: [] });
    expect((await without.call('DELETE', '/api/listeners/recorder')).status).toBe(404);
    await ended(without, await without.startExecution(start([agent('a')])));
    // The retention sweep deletes what a deletion leaves whose process ends.
    await client.query(
      `INSERT INTO cloutagent.deliveries (execution_id, subscriber, position, target, due_at) VALUES ($1, 'listener:recorder', 0, 1, now())`,
      [open],
    );
    await without.kill('SIGTERM');
    await run('@Module({}) class TeamModule {}', { RETENTION_SWEEP_INTERVAL_MS: '100' });
    await until(
      async () => (await client.query('SELECT FROM cloutagent.deliveries')).rowCount,
      (count) => count === 0,
    );
    const counts = await client.query(`
      SELECT (SELECT count(*)::int FROM cloutagent.deliveries) AS deliveries,
        (SELECT count(*)::int FROM pg_trigger WHERE tgrelid = 'cloutagent.events'::regclass AND NOT tgisinternal) AS triggers`);
    expect(counts.rows).toEqual([{ deliveries: 0, triggers: 0 }]);
  });

  it('finishes its call in a shutdown, or gives it up in time and is called again by the next process', async () => {
    const code = moduleOf(
      `'execution:started'`,
      `if (delivery.attempt === 1 && !existsSync(process.env['RECORD'] + '.second'))
         await sleep(existsSync(process.env['RECORD'] + '.first') ? 3_600_000 : 500, undefined, { ref: false });`,
    );
    const more = { SHUTDOWN_TIMEOUT_MS: '5000', DELIVERY_TIMEOUT_MS: '600000', DELIVERY_LEASE_MS: '600000' };
    const one = await run(code, more);
    const first = await one.startExecution(start([delay('a', 1)]));
    await until(lines, (all) => all.some(({ id }) => id === first));
    expect(await one.kill('SIGTERM')).toBe(0);
    expect(firstSightings(await lines(), first)).toEqual([1]);

    await writeFile(`${settings['RECORD']}.first`, '');
    const two = await run(code, more);
    const second = await two.startExecution(start([delay('a', 1)]));
    await until(lines, (all) => all.some(({ id }) => id === second));
    expect(await two.kill('SIGTERM')).toBe(0);
    expect(firstSightings(await lines(), second)).toEqual([]);

    await writeFile(`${settings['RECORD']}.second`, '');
    await run(code, more);
    await until(lines, (all) => firstSightings(all, second).length === 1);
    // Giving a call up is no failed attempt.
    expect((await lines()).filter(({ id }) => id === second).map(({ attempt }) => attempt)).toEqual([
      1, 1, 1,
    ]);
  });

  it('gets events that are written while no process owns the execution', async () => {
    const server = await run(moduleOf(`'execution:cancelled'`, ''), { MAX_EXECUTIONS_PER_PROJECT: '1' });
    const owned = await server.startExecution(start([agent('a', { hang: true })]));
    await new Watch(server.url, pathOf(owned)).until(({ frames }) => frames.length > 0);
    const queued = await server.startExecution(start([delay('a', 1)]));
    await server.call('POST', `/api/executions/${queued}/cancel`);
    await until(lines, (all) => firstSightings(all, queued).length === 1);
    expect(firstSightings(await lines(), queued)).toEqual([1]);
    await server.call('POST', `/api/executions/${owned}/cancel`);
    await until(lines, (all) => firstSightings(all, owned).length === 1);
  });

  it('gets chunks and other events of the same commit in order', async () => {
    await run(moduleOf(`['execution:output', 'execution:completed']`, ''));
    // Until then, every open execution is delivered from its beginning.
    await until(
      async () => (await client.query('SELECT FROM cloutagent.subscribers WHERE is_backfilled')).rowCount,
      (count) => count === 1,
    );
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO cloutagent.executions (id, project_id, status, input, workflow, options, created_by, completed_at)
       VALUES (gen_random_uuid(), 'demo', 'completed', 'null', '{"nodes":[]}', '{}', 'test', now()) RETURNING id`,
    );
    const { id } = rows[0]!;
    await client.query(
      `INSERT INTO cloutagent.events (execution_id, sequence, type, data) VALUES
         ($1, 1, 'execution:output', '{"executionId":"${id}"}'), ($1, 2, 'execution:step', '{"executionId":"${id}"}'),
         ($1, 3, 'execution:output', '{"executionId":"${id}"}'), ($1, 4, 'execution:completed', '{"executionId":"${id}"}')`,
      [id],
    );
    await until(lines, (all) => firstSightings(all, id).length === 3);
    expect(firstSightings(await lines(), id)).toEqual([1, 3, 4]);
  });

  it.each([
    [
      `@OnExecutionEvent('execution:failed', { durable: 'recorder' }) other() {}`,
      'Recorder.other of TeamModule and Recorder.record of TeamModule are both the durable listener "recorder"',
    ],
    [
      `@OnExecutionEvent('execution:failed', { durable: 'not valid' }) other() {}`,
      'the durable name "not valid" of Recorder.other of TeamModule is not valid',
    ],
    [`@OnExecutionEvent('execution:fialed', { durable: 'other' }) other() {}`, /"execution:fialed", which/],
    [`@OnExecutionEvent([], { durable: 'other' }) other() {}`, /no event type/],
  ])('prevents the start of the server when it is declared wrongly: %s', async (method, message) => {
    const code = moduleOf(`'execution:completed'`, '').replace(
      '@OnExecutionEvent',
      `${method}\n    @OnExecutionEvent`,
    );
    await expect(run(code)).rejects.toThrow(message);
  });

  it('is shown only to credentials with the scope for listeners and for all projects', async () => {
    const server = await run(moduleOf(`'execution:completed'`, ''));
    const key = async (projects: string[], scopes: string[]) =>
      (await server.call('POST', '/api/keys', { name: 'k', projects, scopes })).body.key;
    const as = async (projects: string[], scopes: string[]) => {
      const authorization = `Bearer ${await key(projects, scopes)}`;
      const { status, body } = await server.call('GET', '/api/listeners', undefined, { authorization });
      return [status, body.code];
    };
    expect(await as(['*'], ['listeners:manage'])).toEqual([200, undefined]);
    expect(await as(['demo'], ['listeners:manage'])).toEqual([403, 'insufficient_scope']);
    expect(await as(['*'], ['keys:manage'])).toEqual([403, 'insufficient_scope']);
    expect((await server.call('GET', '/api/listeners/unknown/dead')).status).toBe(404);
    expect((await server.call('POST', '/api/listeners/unknown/replay')).status).toBe(404);
    expect((await server.call('GET', '/api/listeners/a%20b/dead')).status).toBe(400);
    const emptyId = await server.call('POST', '/api/listeners/recorder/replay', { executionId: null });
    expect(emptyId.status).toBe(400);
    expect((await server.call('POST', '/api/listeners/recorder/replay', { executionId: 'x' })).status).toBe(
      400,
    );
    expect((await server.call('POST', '/api/listeners/recorder/skip')).status).toBe(400);
  });
});
