import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Settings } from '../config/settings.js';
import { MIGRATIONS, SCHEMA } from './migrations.js';
import type { Schema } from './schema.js';

const OLDEST_SERVER = 15;
const QUERY_TIMEOUT_MARGIN_MS = 1_000;
/** Answers that trying again cannot mend: wrong password, no such role, no such database. */
const FINAL_CODES = new Set(['28P01', '28000', '3D000']);

/** The database cannot be used; the message says why and what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** The one PostgreSQL: a pool for plain SQL and Kysely, with the schema set, for the rest. */
export class Database implements OnApplicationShutdown {
  readonly kysely: Kysely<Schema>;

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
    // One that breaks while it is lent out tells its query, and says it once more as an event.
    pool.on('connect', (client) => client.on('error', () => undefined));
    const database = new Database(pool, url);
    try {
      await waitUntilReady(pool, url, settings.DATABASE_CONNECT_TIMEOUT_MS);
      await migrate(url);
      return database;
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
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
  const deadline = performance.now() + timeoutMs;
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
      if (FINAL_CODES.has(code ?? '') || performance.now() > deadline) {
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
