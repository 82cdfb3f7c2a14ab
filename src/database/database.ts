import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Settings } from '../config/settings.js';
import { MIGRATIONS, SCHEMA } from './migrations.js';
import { isWriteRefusal } from '../problems/database-outage.js';
import { isGivenUp, watchQueries } from './query-errors.js';
import type { Schema } from './schema.js';

const OLDEST_SERVER = 15;
const QUERY_TIMEOUT_MARGIN_MS = 1_000;
const UNDEFINED_TABLE = '42P01';
/** A full database shows only when it is written to: so long a refusal counts. A journal that waits tries more often. */
const REFUSAL_MS = 10_000;
/** Answers that trying again cannot mend: wrong password, no such role, no such database. */
const FINAL_CODES = new Set(['28P01', '28000', '3D000']);

/** The database cannot be used; the message says why and what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** The one PostgreSQL: a pool for plain SQL and Kysely, with the schema set, for the rest. */
export class Database implements OnApplicationShutdown {
  readonly kysely: Kysely<Schema>;
  private readonly connections = new WeakMap<pg.ClientBase, number>();
  private newest = 0;
  private refusedAt = -Infinity;

  private constructor(
    readonly pool: pg.Pool,
    readonly url: string,
  ) {
    this.kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
  }

  /**
   * Waits until the server answers, checks its version and brings the schema up to date, under an
   * advisory lock: several processes may start together.
   * @throws DatabaseError
   */
  static async connect(
    settings: Pick<
      Settings,
      'DATABASE_URL' | 'DATABASE_POOL_SIZE' | 'DATABASE_CONNECT_TIMEOUT_MS' | 'DATABASE_QUERY_TIMEOUT_MS'
    >,
  ): Promise<Database> {
    const url = settings.DATABASE_URL;
    if (!url) throw new DatabaseError('DATABASE_URL is not set');
    const timeout = settings.DATABASE_QUERY_TIMEOUT_MS;
    const pool = new pg.Pool({
      connectionString: url,
      max: settings.DATABASE_POOL_SIZE,
      keepAlive: true,
      connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
      // PostgreSQL ends the statement first: one that this process has given up must not be committed later.
      query_timeout: timeout + QUERY_TIMEOUT_MARGIN_MS,
      // The pool waits for the promise, though its type does not say so.
      // oxlint-disable-next-line typescript/no-misused-promises
      onConnect: (client) => client.query(`SET statement_timeout = ${timeout}`).then(() => undefined),
      application_name: 'cloutagent-executions',
    });
    // A connection that breaks while idle is replaced on the next query; without a listener it would end the process.
    pool.on('error', (error) =>
      new Logger(Database.name).warn(`an idle database connection broke: ${error.message}`),
    );
    const database = new Database(pool, url);
    pool.on('connect', (client) => {
      // A connection that breaks while it is lent out fails its query, and reports that once more as an event.
      client.on('error', () => undefined);
      watchQueries(client, (error) => {
        // Ended, the pool does not lend it again. The next query would wait for the one that was given up, and might
        // be made inside of its transaction.
        if (isGivenUp(error)) (client as unknown as pg.Client).end().catch(() => undefined);
        if (isWriteRefusal(error)) database.refusedAt = performance.now();
      });
      database.connections.set(client, (database.newest += 1));
    });
    try {
      await waitUntilReady(pool, url, settings.DATABASE_CONNECT_TIMEOUT_MS);
      if (!(await isUpToDate(pool))) await migrate(url);
      return database;
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** Whether the database has refused a write of this process within REFUSAL_MS: it is read-only or full. */
  get refusesWrites(): boolean {
    return performance.now() - this.refusedAt < REFUSAL_MS;
  }

  /**
   * Runs `work` in a transaction: commits when it resolves, rolls back when it rejects. A connection that could not be
   * rolled back is closed, which ends its transaction.
   * @param work has to make its queries with the client that it is given
   * @throws what `work` threw or COMMIT failed with: a ROLLBACK that fails does not hide it
   */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let isUsable = true;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      // PostgreSQL answers a COMMIT with ROLLBACK when a statement of the transaction had failed.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT')
        throw new DatabaseError('the transaction was rolled back: a statement failed');
      return result;
    } catch (error) {
      isUsable = await client.query('ROLLBACK').then(
        () => true,
        () => false,
      );
      throw error;
    } finally {
      client.release(!isUsable);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /**
   * Runs one query on a connection of the pool.
   * @param make gets the connection's number: a connection with a higher one was made later, perhaps to another server
   */
  async query<Row extends pg.QueryResultRow>(
    make: (connection: number) => pg.QueryConfig,
  ): Promise<pg.QueryResult<Row>> {
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      return await client.query<Row>(make(this.connections.get(client) ?? this.newest));
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  }
}

/**
 * Whether every migration has run and no other one. That is asked first because the Migrator reads the catalogue of the
 * whole database, on a connection of its own: 60 to 90 ms of each start.
 */
async function isUpToDate(pool: pg.Pool): Promise<boolean> {
  try {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT name FROM ${SCHEMA}.kysely_migration ORDER BY name`,
    );
    return rows.map(({ name }) => name).join() === Object.keys(MIGRATIONS).join();
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return false;
    throw error;
  }
}

/** On a connection of its own: a migration of many rows may take longer than a query may. */
async function migrate(url: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'cloutagent-migrations' });
  pool.on('error', () => undefined);
  const kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
  try {
    const migrator = new Migrator({
      db: kysely,
      provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
      migrationTableSchema: SCHEMA,
    });
    const { error } = await migrator.migrateToLatest();
    if (error === undefined) return;
    const reason = error instanceof Error ? error.message : JSON.stringify(error);
    throw new DatabaseError(`the database schema could not be brought up to date: ${reason}`, {
      cause: error,
    });
  } finally {
    await kysely.destroy();
  }
}

async function waitUntilReady(pool: pg.Pool, url: string, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const place = describe(url);
  for (;;) {
    try {
      const { rows } = await pool.query<{ server_version_num: string }>('SHOW server_version_num');
      const major = Math.floor(Number(rows[0]?.server_version_num) / 10_000);
      if (major >= OLDEST_SERVER) return;
      throw new DatabaseError(`${place} is PostgreSQL ${major}; ${OLDEST_SERVER} or newer is needed`);
    } catch (error) {
      if (error instanceof DatabaseError) throw error;
      const { code, message } = error as { code?: string; message: string };
      if (FINAL_CODES.has(code ?? '') || Date.now() > deadline) {
        throw new DatabaseError(
          `${place} cannot be used: ${message || code}. Check DATABASE_URL (postgres://user:password@host:5432/database), ` +
            'or leave it out to run the embedded PostgreSQL',
          { cause: error },
        );
      }
      await sleep(250);
    }
  }
}

/** The database's address without user and password. */
function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `the database ${host}${pathname}`;
}
