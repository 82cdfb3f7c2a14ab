import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ExtensionServer } from './support/extension-server.js';
import { createDatabase, Server } from './support/server.js';
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
  import { OnExecutionEvent } from '../events/on-execution-event.decorator.js';
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
      `if (event.sequence === firstOf(event) && delivery.attempt <= 3) throw new Error('not yet');`,
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

    const dead = (path = '') => server.call('GET', `/api/listeners/recorder/dead${path}`);
    const page = await dead('?limit=2');
    expect(page.body.deliveries.map(({ executionId }: { executionId: string }) => executionId)).toEqual(
      ids.slice(0, 2),
    );
    expect(page.body.deliveries[0]).toMatchObject({
      sequence: 1,
      type: 'execution:started',
      attempts: 2,
      error: 'broken  for now',
      diedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    const rest = await dead(`?limit=2&cursor=${page.body.nextCursor}`);
    expect(rest.body).toMatchObject({ deliveries: [{ executionId: ids[2] }], nextCursor: null });

    const post = (action: string, body?: object) =>
      server.call('POST', `/api/listeners/recorder/${action}`, body);
    expect((await post('skip', { executionId: ids[0], sequence: 2 })).status).toBe(404);
    expect((await post('skip', { executionId: ids[0], sequence: 1 })).status).toBe(204);
    await until(lines, (all) => firstSightings(all, ids[0]!).length === 1);
    expect((await lines()).at(-1)).toMatchObject({ type: 'execution:completed', id: ids[0] });

    // Not repaired: it fails again, and is dead again.
    expect((await post('replay', { executionId: ids[1] })).body).toEqual({ replayed: 1 });
    await until(lines, (all) => all.filter(({ id }) => id === ids[1]).length === 4);
    await until(
      () => recorder(server),
      (now) => now.dead === 2,
    );
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${settings['RECORD']}.repaired`, '');
    expect((await post('replay')).body).toEqual({ replayed: 2 });
    await delivered(server);
    for (const id of ids.slice(1))
      expect(firstSightings(await lines(), id)).toEqual(
        await sequencesOf(id, ['execution:started', 'execution:completed']),
      );
    expect((await post('replay', { executionId: ids[1] })).status).toBe(404);
  });
});
