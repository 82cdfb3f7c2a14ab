import { sql } from 'kysely';
import type pg from 'pg';
import { parseSettings } from '../src/config/settings.js';
import { Database } from '../src/database/database.js';
import { createDatabase } from './support/server.js';

/** Turns PostgreSQL's own time limit off, so that the client's limit ends the query while PostgreSQL still runs it. */
const NO_STATEMENT_TIMEOUT = 'SET statement_timeout = 0';
/** The smallest that the setting allows. */
const POOL_SIZE = 2;
const HANGS = 'SELECT pg_sleep(20)';

describe('Database', () => {
  let database: Database;
  beforeAll(async () => {
    const settings = { DATABASE_URL: await createDatabase(), DATABASE_QUERY_TIMEOUT_MS: '1000' };
    database = await Database.connect(parseSettings({ ...settings, DATABASE_POOL_SIZE: String(POOL_SIZE) }));
    await database.pool.query('CREATE TABLE notes (text text PRIMARY KEY)');
  });
  afterAll(() => database.onApplicationShutdown());

  const pidOf = async (client: Pick<pg.Pool, 'query'>): Promise<number> =>
    (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;
  const notes = async (): Promise<string[]> =>
    (await database.pool.query<{ text: string }>('SELECT text FROM notes ORDER BY text')).rows.map(
      ({ text }) => text,
    );
  /** Returns the backends that the pool uses for several transactions at the same time. */
  const backends = () =>
    Promise.all(Array.from({ length: 8 }, () => database.transaction((client) => pidOf(client))));

  it('commits a transaction and returns the result of its work', async () => {
    const pid = await database.transaction(async (client) => {
      await client.query(`INSERT INTO notes VALUES ('kept')`);
      return pidOf(client);
    });
    expect(await notes()).toEqual(['kept']);
    expect(await backends()).toContain(pid);
  });

  it('rolls back a failed transaction, throws its error and reuses the connection', async () => {
    let pid = 0;
    const failed = database.transaction(async (client) => {
      pid = await pidOf(client);
      await client.query(`INSERT INTO notes VALUES ('lost')`);
      throw new Error('the error of the work');
    });
    await expect(failed).rejects.toThrow('the error of the work');
    expect(await notes()).toEqual(['kept']);
    expect(await backends()).toContain(pid);
  });

  it('throws the original error when the connection is lost and cannot roll back', async () => {
    const failed = database.transaction((client) =>
      client.query('SELECT pg_terminate_backend(pg_backend_pid())'),
    );
    await expect(failed).rejects.toMatchObject({ code: '57P01' });
    expect(await notes()).toEqual(['kept']);
  });

  it('throws when PostgreSQL rolled back the transaction instead of committing it', async () => {
    const swallowed = database.transaction(async (client) => {
      await client.query(`INSERT INTO notes VALUES ('kept')`).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow('rolled back');
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'a transaction',
      () =>
        database.transaction(async (client) => {
          await client.query(NO_STATEMENT_TIMEOUT);
          await client.query(`INSERT INTO notes VALUES ('given up')`);
          await client.query(HANGS);
        }),
    ],
    [
      'a Kysely transaction',
      () =>
        database.kysely.transaction().execute(async (transaction) => {
          await sql.raw(NO_STATEMENT_TIMEOUT).execute(transaction);
          await sql.raw(`INSERT INTO notes VALUES ('given up')`).execute(transaction);
          await sql.raw(HANGS).execute(transaction);
        }),
    ],
    [
      'a Kysely query',
      () =>
        database.kysely.connection().execute(async (connection) => {
          await sql.raw(NO_STATEMENT_TIMEOUT).execute(connection);
          await sql.raw(HANGS).execute(connection);
        }),
    ],
  ])('does not reuse a connection on which %s timed out', async (_what, work) => {
    await expect(work()).rejects.toThrow();
    const busy = await database.pool.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(20)' AND state = 'active'
       AND pid <> pg_backend_pid()`,
    );
    expect(busy.rows.length).toBeGreaterThan(0);
    const pids = await backends();
    for (const { pid } of busy.rows) expect(pids).not.toContain(pid);
    expect(await notes()).toEqual(['kept']);
  });

  it('throws the error of a query that timed out and not that of a ROLLBACK after it', async () => {
    const failed = database.transaction(async (client) => {
      await client.query(NO_STATEMENT_TIMEOUT);
      await client.query(HANGS).catch((error: Error) => {
        throw new Error('given up', { cause: error });
      });
    });
    await expect(failed).rejects.toMatchObject({
      message: 'given up',
      cause: { message: 'Query read timeout' },
    });
  });

  it('can use all connections at once after each of them timed out in a transaction', async () => {
    const timedOut = await Promise.allSettled(
      Array.from({ length: POOL_SIZE }, () =>
        database.transaction(async (client) => {
          await client.query(NO_STATEMENT_TIMEOUT);
          await client.query(HANGS);
        }),
      ),
    );
    expect(timedOut).toEqual(
      Array.from({ length: POOL_SIZE }, () => ({
        status: 'rejected',
        reason: expect.objectContaining({ message: 'Query read timeout' }) as Error,
      })),
    );
    expect([database.pool.totalCount, database.pool.waitingCount]).toEqual([0, 0]);
    const pids = await Promise.all(
      Array.from({ length: POOL_SIZE }, () => database.transaction((client) => pidOf(client))),
    );
    expect(new Set(pids).size).toBe(POOL_SIZE);
  });
});
