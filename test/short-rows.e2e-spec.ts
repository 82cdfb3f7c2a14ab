import type { WebhookWithSecret } from '@cloutagent/contract';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { PROCESS_LOCK } from '../src/database/dedicated-connection.js';
import { createDatabase, Server } from './support/server.js';
import { storedEvents } from './support/stored-events.js';
import { until } from './support/until.js';
import { agent, pathOf, start, TERMINAL, Watch } from './support/watch.js';
import { WebhookReceiver } from './support/webhook-receiver.js';

const CHUNKS = ['execution:output', 'execution:thinking'];
const KEYS = `first:${randomBytes(32).toString('base64')}`;
/** The identity of a process of a release that knows no short rows. */
const OLD_PROCESS = 1_999_999_999;

describe('the rows of chunks', () => {
  let url: string;
  let client: pg.Client;
  let server: Server;

  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    server = await Server.start({ DATABASE_URL: url, HTTP_ALLOWED_HOSTS: '127.0.0.1', SECRETS_KEY: KEYS });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await client.end();
  });

  /** Runs an agent with output and thinking to its end. @returns its id, and the events that a watcher got */
  async function run() {
    const id = await server.startExecution(
      start([
        agent('writer', { chunks: 60, delayMs: 1, thinking: 3, text: 'a "quote", é漢🙂\n'.repeat(60) }),
      ]),
    );
    const watch = new Watch(server.url, pathOf(id));
    await watch.until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
    return { id, frames: watch.frames };
  }
  const rowsOf = async (id: string): Promise<string[]> => {
    const { rows } = await client.query<{ data: string }>(
      'SELECT data FROM cloutagent.events WHERE execution_id = $1 AND type = ANY ($2) ORDER BY sequence',
      [id, CHUNKS],
    );
    return rows.map(({ data }) => data);
  };
  const isShort = (data: string) => !data.startsWith('{');
  /** Runs executions until the process has noticed which others there are. */
  const untilRowsAre = (what: 'short' | 'whole') =>
    until(`the rows are ${what}`, async () =>
      (await rowsOf((await run()).id)).every((data) => isShort(data) === (what === 'short')),
    );

  it('have no names and no id of the execution, and are read as whole events', async () => {
    await untilRowsAre('short');
    const { id, frames } = await run();
    const rows = await rowsOf(id);
    expect(rows.length).toBeGreaterThan(60);
    for (const data of rows) expect(data).not.toMatch(/executionId|timestamp|nodeId|stepId|chunk/);
    const stored = await storedEvents(client, id);
    const whole = stored.map(({ sequence, type, data }) => ({
      type,
      sequence,
      ...(JSON.parse(data) as object),
    }));
    expect(frames.map(({ data }) => data)).toEqual(whole);
    const { body } = await server.call('GET', `/api/executions/${id}/events?types=execution:output`);
    expect(body.events).toEqual(whole.filter(({ type }) => type === 'execution:output'));
    const one = new Watch(server.url, pathOf(id), { 'last-event-id': String(whole.length - 4) });
    await one.until(({ frames: sent }) => TERMINAL.test(sent.at(-1)?.type ?? ''));
    expect(one.frames.map(({ data }) => data)).toEqual(whole.slice(-4));
  });

  it('are found by time when a webhook replays them', async () => {
    const { id } = await run();
    const receiver = await WebhookReceiver.start();
    try {
      const put = await server.call('PUT', '/api/webhooks/demo/chunks', {
        url: receiver.url,
        events: ['execution:output'],
      });
      expect((put.body as unknown as WebhookWithSecret).name).toBe('chunks');
      const output = (await storedEvents(client, id)).filter(({ type }) => type === 'execution:output');
      const timeOf = (index: number) => (JSON.parse(output[index]!.data) as { timestamp: string }).timestamp;
      const [from, to] = [timeOf(10), timeOf(40)];
      const wanted = output.filter((_event, index) => timeOf(index) >= from && timeOf(index) < to);
      const replay = await server.call('POST', '/api/webhooks/demo/chunks/replay', { from, to });
      expect(replay.body).toEqual({ executions: 1 });
      await until('all are delivered', () => Promise.resolve(receiver.taken(id).length >= wanted.length));
      expect(receiver.taken(id)).toEqual(wanted.map(({ sequence }) => sequence));
    } finally {
      await server.call('DELETE', '/api/webhooks/demo/chunks');
      await receiver.close();
    }
  });

  it('are short while another process of this release runs and notifies this one', async () => {
    const other = await Server.start({ DATABASE_URL: url });
    try {
      const id = await other.startExecution(start([agent('busy', { chunks: 20_000, delayMs: 2 })]));
      const watch = new Watch(other.url, pathOf(id));
      await watch.until(({ frames }) => frames.length > 5);
      await untilRowsAre('short');
      await server.call('POST', `/api/executions/${id}/cancel`);
      await watch.until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
    } finally {
      await other.kill('SIGTERM');
    }
  });

  it('are whole while a process of an older release runs', async () => {
    await client.query('SELECT pg_advisory_lock_shared($1, $2)', [PROCESS_LOCK, OLD_PROCESS]);
    await client.query('INSERT INTO cloutagent.processes (identity) VALUES ($1)', [String(OLD_PROCESS)]);
    await untilRowsAre('whole');
    await client.query('DELETE FROM cloutagent.processes WHERE identity = $1', [String(OLD_PROCESS)]);
    await client.query('SELECT pg_advisory_unlock_shared($1, $2)', [PROCESS_LOCK, OLD_PROCESS]);
    await untilRowsAre('short');
  });

  it('are whole without packing, so that a downgrade is possible', async () => {
    await server.kill('SIGTERM');
    server = await Server.start({ DATABASE_URL: url, JOURNAL_PACK_EVENTS_PER_SECOND: '0' });
    for (let tries = 0; tries < 3; tries += 1)
      expect((await rowsOf((await run()).id)).filter(isShort)).toEqual([]);
  });
});
