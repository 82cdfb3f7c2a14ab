import { type OnApplicationShutdown } from '@nestjs/common';
import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { fillListEntries, needsListBackfill } from './list-backfill.js';
import { MIGRATIONS, SCHEMA } from './migrations.js';
import { isWriteRefusal } from '../problems/database-outage.js';
import { isQueryTimeout, watchQueries } from './query-errors.js';
import type { Schema } from './schema.js';

/** The oldest major version of PostgreSQL that the server supports. */
export const MIN_SERVER_VERSION = 15;
const QUERY_TIMEOUT_MARGIN_MS = 1_000;
/**
 * How long an idle connection is kept. The polls of a quiet process need several at once every few seconds: if they were closed
 * in between, requests would wait for new ones, which have no prepared statements.
 */
const IDLE_TIMEOUT_MS = 300_000;
const UNDEFINED_TABLE = '42P01';
const DEADLOCK = '40P01';
/** A migration that waits for a transaction which waits for it is rolled back as a whole, and tried again. */
const MIGRATION_TRIES = 5;
/**
 * A database that is full can be recognised only by a refused write, so one refusal counts for this long. The journal
 * retries more often while it waits.
 */
const REFUSAL_MS = 10_000;
/** SQLSTATEs of failures that a retry cannot fix: wrong password, no such role, no such database. */
const FINAL_CODES = new Set(['28P01', '28000', '3D000']);

/** The database cannot be used. The message says why and what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** The connection pool of this process: `pool` for plain SQL, and `kysely`, with the schema set, for typed queries. */
export class Database implements OnApplicationShutdown {
  readonly kysely: Kysely<Schema>;
  /** Numbers the pool's connections in the order in which they were made. */
  private readonly connectionNumbers = new WeakMap<pg.ClientBase, number>();
  private lastConnectionNumber = 0;
  /** The reason why a connection cannot be used any more. */
  private readonly failures = new WeakMap<pg.ClientBase, Error>();
  private refusedAt = -Infinity;

  private constructor(
    readonly pool: pg.Pool,
    readonly url: string,
  ) {
    this.kysely = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }).withSchema(SCHEMA);
  }

  /**
   * Waits until the server answers, checks its version and migrates the schema. Several processes may start at the same
   * time: the migration runs under an advisory lock.
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
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
      // PostgreSQL's own limit comes first, so that no statement commits after this process has given it up.
      query_timeout: timeout + QUERY_TIMEOUT_MARGIN_MS,
      // The pool awaits the promise, although its type does not say so.
      // oxlint-disable-next-line typescript/no-misused-promises
      onConnect: (client) => client.query(`SET statement_timeout = ${timeout}`).then(() => undefined),
      application_name: 'cloutagent-executions',
    });
    // A connection that breaks while idle is replaced at the next query. Without a listener its error would end the
    // process.
    pool.on('error', (error) =>
      new Logger(Database.name).warn(`an idle database connection broke: ${error.message}`),
    );
    const database = new Database(pool, url);
    pool.on('connect', (client) => {
      // A connection that breaks while it is in use fails its query, and also emits the error.
      client.on('error', (error) => database.failures.set(client, error));
      watchQueries(client, (error) => {
        if (isQueryTimeout(error)) {
          database.failures.set(client, error);
          // The pool discards an ended connection. If it were reused, the next query would wait for the abandoned one and
          // might run inside its transaction.
          (client as unknown as pg.Client).end().catch(() => undefined);
        }
        if (isWriteRefusal(error)) database.refusedAt = performance.now();
      });
      database.connectionNumbers.set(client, (database.lastConnectionNumber += 1));
    });
    try {
      await waitUntilReady(pool, url, settings.DATABASE_CONNECT_TIMEOUT_MS);
      for (let tries = 1; !(await isUpToDate(pool)); tries += 1)
        await migrate(url, tries === MIGRATION_TRIES);
      if (await needsListBackfill(pool)) await completeLists(url);
      return database;
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** Whether the database has refused a write of this process in the last 10 s, because it is read-only or full. */
  get refusesWrites(): boolean {
    return performance.now() - this.refusedAt < REFUSAL_MS;
  }

  /**
   * Runs `work` in a transaction, which is committed when `work` resolves and rolled back when it rejects. A connection
   * that is broken, or on which ROLLBACK fails, is closed instead: PostgreSQL then rolls the transaction back.
   * @param work must make its queries with the client that it receives
   * @throws the error of `work` or of COMMIT; a failure of ROLLBACK does not replace it
   */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      await client.query('BEGIN');
      const result = await work(client);
      // PostgreSQL answers COMMIT with ROLLBACK when a statement of the transaction has failed.
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT')
        throw new DatabaseError('the transaction was rolled back because a statement failed');
      return result;
    } catch (error) {
      failure = this.failures.get(client) ?? (await rollBack(client));
      throw error;
    } finally {
      client.release(failure);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /**
   * Runs one query on a connection of the pool.
   * @param make receives the connection's number. A connection with a higher number was made later, perhaps to another
   *   server
   */
  async query<Row extends pg.QueryResultRow>(
    make: (connection: number) => pg.QueryConfig,
  ): Promise<pg.QueryResult<Row>> {
    const client = await this.pool.connect();
    let failure: Error | undefined;
    try {
      return await client.query<Row>(make(this.connectionNumbers.get(client) ?? this.lastConnectionNumber));
    } catch (error) {
      failure = error as Error;
      throw error;
    } finally {
      client.release(failure);
    }
  }
}

/** Rolls back. @returns the error if that fails */
const rollBack = (client: pg.PoolClient): Promise<Error | undefined> =>
  client.query('ROLLBACK').then(
    () => undefined,
    (error: Error) => error,
  );

/**
 * Whether exactly the known migrations have run. This check comes first because the Migrator reads the catalogue of the
 * whole database on a connection of its own, which takes 60 to 90 ms at each start.
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

/**
 * Uses a connection of its own, because a migration of many rows may exceed the time limit of the pool's queries.
 * @param isLast whether a deadlock is an error
 */
async function migrate(url: string, isLast: boolean): Promise<void> {
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
    if (error === undefined || (!isLast && (error as { code?: string }).code === DEADLOCK)) return;
    const reason = error instanceof Error ? error.message : JSON.stringify(error);
    throw new DatabaseError(`the database schema could not be migrated: ${reason}`, {
      cause: error,
    });
  } finally {
    await kysely.destroy();
  }
}

/** Uses a connection of its own, for the same reason. */
async function completeLists(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'cloutagent-migrations' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    new Logger(Database.name).log(
      'completing the entries of lists; processes of the release before may go on',
    );
    await fillListEntries(client);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseError(`the entries of lists could not be completed: ${reason}`, { cause: error });
  } finally {
    await client.end();
  }
}

async function waitUntilReady(pool: pg.Pool, url: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const name = describe(url);
  for (;;) {
    try {
      const { rows } = await pool.query<{ server_version_num: string }>('SHOW server_version_num');
      const major = Math.floor(Number(rows[0]?.server_version_num) / 10_000);
      if (major >= MIN_SERVER_VERSION) return;
      throw new DatabaseError(
        `${name} is PostgreSQL ${major}, but version ${MIN_SERVER_VERSION} or newer is required`,
      );
    } catch (error) {
      if (error instanceof DatabaseError) throw error;
      const { code, message } = error as { code?: string; message: string };
      if (FINAL_CODES.has(code ?? '') || performance.now() > deadline) {
        throw new DatabaseError(
          `${name} cannot be used: ${message || code}. Check DATABASE_URL (postgres://user:password@host:5432/database), ` +
            'or unset it to run the embedded PostgreSQL',
          { cause: error },
        );
      }
      await sleep(250);
    }
  }
}

/** Names the database without user and password. */
function describe(url: string): string {
  const { host, pathname } = new URL(url);
  return `the database ${host}${pathname}`;
}
