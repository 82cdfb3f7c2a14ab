import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { parseSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { JournalReader } from '../src/journal/journal-reader.js';
import { createEmptyDatabase, Server } from './support/server.js';
import { ids, pathOf, TERMINAL, upTo, Watch } from './support/watch.js';

/** The keys and tickets whose hashes are in the fixture. */
const API_KEY = 'ca_cE3OhHVKPioxVoWXIM5uM5WWS8jsOv2BIIJkq6nz2ZU';
const REVOKED_KEY = 'ca_DeRJpeY-gsl_5rbLw5B0oDzrIEdwRdgPSqr4nlYMaeI';
const TICKET = '71yCeRGXjH9VU7HgrcrO4JbD09fYbR3WxJjAcH48JW8';
const USED_TICKET = 'A0SHO-n-wrmf0dkyl78qo5QkvV00zdnNtymPQlgLcwk';
/** The fixture is older than any retention period. */
const SETTINGS = { DISPATCH_POLL_INTERVAL_MS: '200', RETENTION_DAYS: '36500' };

/** All columns are text, so that a comparison sees every byte. */
type Row = Record<string, string | null>;

const EXECUTIONS = `
  SELECT id::text, tags[1] AS tag, project_id, status, input::text, workflow::text, options::text, output::text, error::text,
    created_at::text, created_by, started_at::text, completed_at::text, idempotency_key, request_hash, attempt::text
  FROM cloutagent.executions ORDER BY id`;
const EVENTS = `
  SELECT sequence::text, type, data FROM cloutagent.events WHERE execution_id = $1 ORDER BY events.sequence`;
const FOREIGN_JOBS = `SELECT to_jsonb(job)::text AS job FROM pgboss.job WHERE name LIKE 'letters%' ORDER BY name, id`;

/** The saved database, loaded into a new one. test/fixtures/release-0.1.sql describes its executions. */
class SavedDatabase {
  private constructor(
    readonly url: string,
    private readonly client: pg.Client,
    private readonly executions: Row[],
    private readonly events: ReadonlyMap<string, Row[]>,
  ) {}

  /** @param more statements to run after the release's own */
  static async load(more = ''): Promise<SavedDatabase> {
    const url = await createEmptyDatabase();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(await readFile(new URL('./fixtures/release-0.1.sql', import.meta.url), 'utf8'));
    if (more) await client.query(more);
    const { rows } = await client.query<Row>(EXECUTIONS);
    const events = new Map<string, Row[]>();
    for (const { id } of rows) events.set(id!, (await client.query<Row>(EVENTS, [id])).rows);
    return new SavedDatabase(url, client, rows, events);
  }

  /** Returns the saved executions of a case. */
  all(tag: string): Row[] {
    return this.executions.filter((row) => row['tag'] === tag);
  }

  ids(tag: string): string[] {
    return this.all(tag).map((row) => row['id']!);
  }

  /** Returns the saved events of an execution. */
  savedEvents(id: string): Row[] {
    return this.events.get(id)!;
  }

  /** Returns the events after the migration. Those of executions that ended long ago are packed at once. */
  async eventsNow(id: string): Promise<Row[]> {
    const database = await Database.connect(parseSettings({ DATABASE_URL: this.url }));
    const events = await new JournalReader(database).read(id, 0, { limit: 1e6, bytes: 1e9 });
    await database.onApplicationShutdown();
    return events.map(({ sequence, type, data }) => ({ sequence: String(sequence), type, data }));
  }

  async rowNow(id: string): Promise<Row> {
    const { rows } = await this.client.query<Row>(EXECUTIONS);
    return rows.find((row) => row['id'] === id)!;
  }

  async query(text: string): Promise<Row[]> {
    return (await this.client.query<Row>(text)).rows;
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

/**
 * Waits for the end of an execution and checks the invariants: the saved events are unchanged, the new ones leave no hole,
 * there is one terminal event, attempts rise, and a completed node does not run again.
 * @returns the events of the new release
 */
async function framesAfterMigration(
  saved: SavedDatabase,
  server: Server,
  id: string,
): Promise<Watch['frames']> {
  const { frames } = await new Watch(server.url, pathOf(id)).done();
  const before = saved.savedEvents(id);
  expect(ids(frames)).toEqual(upTo(frames.length));
  expect((await saved.eventsNow(id)).slice(0, before.length)).toEqual(before);
  expect(frames.filter((frame) => TERMINAL.test(frame.type))).toEqual([frames.at(-1)]);
  const attempts = frames
    .filter((frame) => frame.type === 'execution:started')
    .map((frame) => frame.data.attempt);
  expect(attempts).toEqual([...new Set(attempts)].toSorted((a, b) => a - b));
  const first = frames.filter((frame) => frame.type === 'execution:step' && frame.data.nodeId === 'first');
  expect(first.map((frame) => frame.data.status)).toEqual(['running', 'completed']);
  return frames.slice(before.length);
}

const statusOf = async (server: Server, id: string): Promise<string> =>
  (await server.call('GET', `/api/executions/${id}`)).body.status as string;

describe('the database of release 0.1', () => {
  let saved: SavedDatabase;
  let server: Server;
  beforeAll(async () => {
    saved = await SavedDatabase.load();
    server = await Server.start({ DATABASE_URL: saved.url, ...SETTINGS });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await saved.close();
  });

  it('loses the schema of the former queue', async () => {
    expect(await saved.query(`SELECT nspname FROM pg_namespace WHERE nspname = 'pgboss'`)).toEqual([]);
  });

  it.each(['running', 'handed-over', 'queued', 'lost'])(
    'completes its executions of case %s without running completed nodes again',
    async (tag) => {
      for (const id of saved.ids(tag)) {
        const added = await framesAfterMigration(saved, server, id);
        expect(added[0]!.type).toBe('execution:started');
        expect(added.at(-1)!.type).toBe('execution:completed');
        expect(await statusOf(server, id)).toBe('completed');
      }
    },
  );

  it('accepts the answer to an approval that was open', async () => {
    const [id] = saved.ids('approval-open') as [string];
    expect((await server.call('POST', `/api/executions/${id}/approve`)).status).toBe(202);
    expect((await framesAfterMigration(saved, server, id)).at(-1)!.type).toBe('execution:completed');
  });

  it('applies an approval that was given just before the crash', async () => {
    const [given] = saved.ids('approval-given') as [string];
    const approved = await framesAfterMigration(saved, server, given);
    expect(
      approved.find(({ data }) => data.nodeId === 'ask' && data.status === 'completed')?.data,
    ).toMatchObject({
      output: { approved: true, comment: 'yes' },
    });
    expect(approved.at(-1)!.type).toBe('execution:completed');
  });

  it('applies a rejection that was given just before the crash', async () => {
    const [refused] = saved.ids('approval-refused') as [string];
    expect((await framesAfterMigration(saved, server, refused)).at(-1)!).toMatchObject({
      type: 'execution:failed',
      data: { code: 'approval_rejected' },
    });
  });

  it('keeps a paused execution paused until it is resumed', async () => {
    const [id] = saved.ids('paused') as [string];
    expect(await statusOf(server, id)).toBe('paused');
    expect((await server.call('POST', `/api/executions/${id}/resume`)).status).toBe(202);
    const added = await framesAfterMigration(saved, server, id);
    const resumed = added.findIndex((frame) => frame.type === 'execution:resumed');
    const output = added.findIndex((frame) => frame.type === 'execution:output');
    expect(resumed).toBeGreaterThanOrEqual(0);
    expect(output).toBeGreaterThan(resumed);
    expect(added.at(-1)!.type).toBe('execution:completed');
  });

  it('applies a resume that was requested just before the crash', async () => {
    const [id] = saved.ids('resume-asked') as [string];
    expect((await framesAfterMigration(saved, server, id)).at(-1)!.type).toBe('execution:completed');
  });

  it('applies a pause that was requested just before the crash', async () => {
    const [id] = saved.ids('pause-asked') as [string];
    const seen = saved.savedEvents(id).length;
    const watch = new Watch(server.url, pathOf(id), { 'last-event-id': String(seen) });
    await watch.until(({ frames }) => frames.some((frame) => frame.type === 'execution:paused'));
    expect(watch.frames.at(-1)!.data).toMatchObject({ reason: 'stop here' });
    expect(watch.frames.some((frame) => frame.type === 'execution:output')).toBe(false);
    expect((await server.call('POST', `/api/executions/${id}/resume`)).status).toBe(202);
    expect((await framesAfterMigration(saved, server, id)).at(-1)!.type).toBe('execution:completed');
    watch.close();
  });

  it('applies a cancel that was requested just before the crash', async () => {
    const [id] = saved.ids('cancel-asked') as [string];
    const added = await framesAfterMigration(saved, server, id);
    expect(added.at(-1)!).toMatchObject({ type: 'execution:cancelled', data: { reason: 'enough' } });
    expect(added.some((frame) => frame.type === 'execution:output')).toBe(false);
  });

  it.each(['completed', 'failed', 'cancelled'])(
    'gets its open row repaired, without a new event, if the newest event says %s',
    async (status) => {
      const [id] = saved.ids(`terminal-${status}`) as [string];
      const { frames } = await new Watch(server.url, pathOf(id)).done();
      expect(frames.at(-1)!.type).toBe(`execution:${status}`);
      while ((await statusOf(server, id)) !== status) await sleep(20);
      const { body } = await server.call('GET', `/api/executions/${id}`);
      expect(Date.parse(body.completedAt)).toBe(Date.parse(frames.at(-1)!.data.timestamp));
      if (status === 'completed') expect(body.output).toEqual(frames.at(-1)!.data.result.output);
      if (status === 'failed') expect(body.error).toMatchObject({ code: frames.at(-1)!.data.code });
      expect(await saved.eventsNow(id)).toEqual(saved.savedEvents(id));
    },
  );

  it('keeps ended executions unchanged to the byte', async () => {
    // At this point the new release has swept and has ended all other executions.
    for (const tag of ['completed', 'failed', 'cancelled', 'cancelled-queued', 'job-left'])
      for (const row of saved.all(tag)) {
        expect(await saved.rowNow(row['id']!)).toEqual(row);
        expect(await saved.eventsNow(row['id']!)).toEqual(saved.savedEvents(row['id']!));
      }
  });

  it('keeps its API keys', async () => {
    const list = (key: string) =>
      server.call('GET', '/api/executions?projectId=demo', undefined, { authorization: `Bearer ${key}` });
    expect((await list(API_KEY)).status).toBe(200);
    expect((await list(REVOKED_KEY)).status).toBe(401);
  });

  it('keeps its idempotency keys', async () => {
    const [known] = saved.all('completed') as [Row];
    const again = await server.call(
      'POST',
      '/api/executions',
      { projectId: 'demo', input: 'hello', tags: ['completed'], workflow: JSON.parse(known['workflow']!) },
      { 'idempotency-key': known['idempotency_key']! },
    );
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body.id).toBe(known['id']);
  });

  it('keeps its stream tickets', async () => {
    const open = async (id: string, ticket: string): Promise<number> => {
      const response = await fetch(new URL(`${pathOf(id)}?ticket=${ticket}`, server.url));
      await response.body?.cancel();
      return response.status;
    };
    const [fresh, used] = saved.ids('running') as [string, string];
    // The used ticket was used from this address.
    expect(await open(used, USED_TICKET)).toBe(200);
    expect(await open(fresh, TICKET)).toBe(200);
  });

  it('needs no further migration at the next start', async () => {
    const migrations = await saved.query(
      'SELECT name, timestamp FROM cloutagent.kysely_migration ORDER BY name',
    );
    const second = await Server.start({ DATABASE_URL: saved.url, ...SETTINGS });
    const id = await second.startExecution({
      projectId: 'demo',
      workflow: { nodes: [{ id: 'wait', type: 'delay', data: { config: { ms: 1 } } }] },
    });
    expect((await new Watch(second.url, pathOf(id)).done()).frames.at(-1)!.type).toBe('execution:completed');
    expect(
      await saved.query('SELECT name, timestamp FROM cloutagent.kysely_migration ORDER BY name'),
    ).toEqual(migrations);
    await second.kill('SIGTERM');
  });
});

describe('the database of release 0.1 with queues of another application', () => {
  // One queue shares the table of our former queue, the other has its own table.
  const LETTERS = `
    SELECT pgboss.create_queue('letters', '{"policy": "standard"}');
    SELECT pgboss.create_queue('letters-apart', '{"policy": "standard", "partition": "true", "deadLetter": "letters"}');
    INSERT INTO pgboss.job (name, data, state, policy, started_on)
      SELECT name, jsonb_build_object('letter', n), state::pgboss.job_state, 'standard', CASE state WHEN 'active' THEN now() END
      FROM unnest(ARRAY['letters', 'letters-apart']) AS name, unnest(ARRAY['created', 'active', 'failed']) AS state,
        generate_series(1, 2) AS n;
    INSERT INTO pgboss.schedule (name, cron) VALUES ('letters', '0 8 * * *')`;

  it('keeps the other queues with their jobs and loses only ours', async () => {
    const saved = await SavedDatabase.load(LETTERS);
    const jobs = await saved.query(FOREIGN_JOBS);
    expect(jobs).toHaveLength(12);
    const queues = `SELECT to_jsonb(queue)::text AS queue FROM pgboss.queue WHERE name LIKE 'letters%' ORDER BY name`;
    const schedules = 'SELECT to_jsonb(schedule)::text FROM pgboss.schedule';
    const version = 'SELECT to_jsonb(version)::text FROM pgboss.version';
    const before = [await saved.query(queues), await saved.query(schedules), await saved.query(version)];
    const server = await Server.start({ DATABASE_URL: saved.url, ...SETTINGS });
    for (const tag of ['running', 'queued'])
      for (const id of saved.ids(tag))
        expect((await framesAfterMigration(saved, server, id)).at(-1)!.type).toBe('execution:completed');
    await server.kill('SIGTERM');
    expect(await saved.query(FOREIGN_JOBS)).toEqual(jobs);
    expect([await saved.query(queues), await saved.query(schedules), await saved.query(version)]).toEqual(
      before,
    );
    expect(
      await saved.query(
        `SELECT name FROM pgboss.queue WHERE name NOT LIKE 'letters%' UNION SELECT name FROM pgboss.job WHERE name NOT LIKE 'letters%'`,
      ),
    ).toEqual([]);
    await saved.close();
  });
});
