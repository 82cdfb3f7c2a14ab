import pg from 'pg';
import { DatabaseControl } from './support/database-control.js';
import { createDatabase, Server } from './support/server.js';
import { agent, ids, start, upTo, Watch } from './support/watch.js';

/** Raises the error of a full disk on INSERT, because a test cannot fill a disk. */
const FULL = `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$`;

describe('a database that accepts connections but refuses statements', () => {
  let url: string;
  let name: string;
  let control: DatabaseControl;
  let server: Server;
  beforeEach(async () => {
    url = await createDatabase();
    name = new URL(url).pathname.slice(1);
    server = await Server.start({
      DATABASE_URL: url,
      DISPATCH_POLL_INTERVAL_MS: '200',
      DATABASE_QUERY_TIMEOUT_MS: '500',
    });
    control = await DatabaseControl.open(url);
  });
  afterEach(async () => {
    await control.close();
    await server.kill('SIGTERM');
  });

  /** Also ends the server's connections, because the setting of a database applies to new connections only. */
  const setReadOnly = async (value: 'on' | 'off'): Promise<void> => {
    const admin = new pg.Client({ connectionString: process.env['TEST_DATABASE_URL'] });
    await admin.connect();
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = $1 AND application_name LIKE 'cloutagent-%'`,
      [name],
    );
    await admin.end();
  };
  const fill = async (tables: readonly string[]): Promise<void> => {
    await control.rows(FULL);
    for (const table of tables)
      await control.rows(`CREATE TRIGGER full_disk BEFORE INSERT ON cloutagent.${table}
        FOR EACH ROW EXECUTE FUNCTION full_disk()`);
  };
  const ready = async (): Promise<number> => (await server.call('GET', '/health/ready')).status;
  const untilReady = async (): Promise<void> => {
    expect(await control.until(async () => (await ready()) === 200, 30_000)).toBe(true);
  };
  const post = () => server.call('POST', '/api/executions', start([agent('a')]));
  const expectRefused = async (answer: ReturnType<typeof post>, detail: RegExp): Promise<void> => {
    const { status, headers, body } = await answer;
    expect([status, body.code]).toEqual([503, 'database_unavailable']);
    expect(body.detail).toMatch(detail);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  };
  const running = async (): Promise<Watch> => {
    const id = await server.startExecution(start([agent('a', { chunks: 200, delayMs: 10 })]));
    return new Watch(server.url, `/api/executions/${id}/stream`).until((now) => now.frames.length > 5);
  };
  const expectComplete = async (watch: Watch): Promise<void> => {
    await watch.done(60_000);
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
  };

  it('makes writes answer 503 while it is read-only, and running executions continue afterwards', async () => {
    expect(await ready()).toBe(200);
    const watch = await running();
    await setReadOnly('on');
    await control.until(async () => (await post()).text.includes('refuses writes'), 20_000);
    await expectRefused(post(), /refuses writes/);
    await expectRefused(server.call('GET', '/health/ready'), /refuses writes/);
    expect((await server.call('GET', '/api/executions')).status).toBe(200);
    expect((await server.call('GET', '/health/live')).status).toBe(200);
    await setReadOnly('off');
    await expectComplete(watch);
    await untilReady();
    expect((await post()).status).toBe(202);
  });

  it('makes writes answer 503 while its disk is full, also if no execution runs', async () => {
    await fill(['executions']);
    expect(await ready()).toBe(200);
    await expectRefused(post(), /refuses writes/);
    await expectRefused(server.call('GET', '/health/ready'), /refuses writes/);
    expect((await server.call('GET', '/api/executions')).status).toBe(200);
    await control.rows('DROP TRIGGER full_disk ON cloutagent.executions');
    expect((await post()).status).toBe(202);
    await untilReady();
  });

  it('makes the server not ready while events of an execution cannot be stored', async () => {
    const watch = await running();
    await fill(['events']);
    expect(await control.until(async () => (await ready()) === 503, 20_000)).toBe(true);
    await control.rows('DROP TRIGGER full_disk ON cloutagent.events');
    await expectComplete(watch);
    await untilReady();
  });

  it('makes reads answer 503 when a statement waits too long for a lock', async () => {
    const unlock = await control.lock('cloutagent.executions', 'ACCESS EXCLUSIVE');
    await expectRefused(server.call('GET', '/api/executions'), /does not answer/);
    await unlock();
    expect((await server.call('GET', '/api/executions')).status).toBe(200);
  });
});
