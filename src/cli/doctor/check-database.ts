import type pg from 'pg';
import type { Settings } from '../../config/settings.js';
import { MIN_SERVER_VERSION } from '../../database/database.js';
import { EmbeddedPostgresError } from '../../database/embedded-postgres.error.js';
import { MIGRATIONS, SCHEMA } from '../../database/migrations.js';
import { locatePostgres } from '../../database/postgres-location.js';
import { type CheckResult, failed, ok, warning } from './check-result.js';
import { doctorClient } from './doctor-client.js';

const UNDEFINED_TABLE = '42P01';

/** Checks the database without changing it. Without DATABASE_URL, checks whether the embedded PostgreSQL can run. */
export async function checkDatabase(settings: Settings): Promise<CheckResult> {
  if (settings.DATABASE_URL === undefined) return checkEmbedded(settings.DATA_DIR);
  const client = doctorClient(settings);
  try {
    await client.connect();
    const { rows } = await client.query<{ number: string; readOnly: boolean; mayCreate: boolean }>(
      `SELECT current_setting('server_version_num') AS number, pg_is_in_recovery() AS "readOnly",
         has_database_privilege(current_database(), 'CREATE') AS "mayCreate"`,
    );
    const { number, readOnly, mayCreate } = rows[0]!;
    const major = Math.floor(Number(number) / 10_000);
    if (major < MIN_SERVER_VERSION)
      return failed('Database', `PostgreSQL ${major} is too old: use version ${MIN_SERVER_VERSION} or newer`);
    if (readOnly)
      return failed('Database', 'this server is a read-only standby: set DATABASE_URL to the primary');
    return await checkSchema(client, `PostgreSQL ${major}`, mayCreate);
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    return failed(
      'Database',
      `${message || code}. Check DATABASE_URL (postgres://user:password@host:5432/database)`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function checkSchema(client: pg.Client, server: string, mayCreate: boolean): Promise<CheckResult> {
  const known = Object.keys(MIGRATIONS);
  const applied: string[] = await client
    .query<{ name: string }>(`SELECT name FROM ${SCHEMA}.kysely_migration`)
    .then(({ rows }) => rows.map(({ name }) => name))
    .catch((error: { code?: string }) => {
      if (error.code === UNDEFINED_TABLE) return [];
      throw error;
    });
  const newer = applied.filter((name) => !known.includes(name));
  if (newer.length > 0)
    return failed(
      'Database',
      `${server}; a newer version of the server has migrated it (${newer.join(', ')}): update this one`,
    );
  const missing = known.filter((name) => !applied.includes(name));
  if (missing.length === 0) return ok('Database', `${server}, the schema is current`);
  if (applied.length === 0 && !mayCreate)
    return failed(
      'Database',
      `${server}; this user may not create the schema: GRANT CREATE ON DATABASE … TO this user`,
    );
  return warning('Database', `${server}; the next start of a server applies ${missing.join(', ')}`);
}

async function checkEmbedded(dataDir: string | undefined): Promise<CheckResult> {
  try {
    const { folder, notices } = await locatePostgres(dataDir);
    const detail = [`embedded PostgreSQL with its data in ${folder}`, ...notices].join('. ');
    return ok('Database', `${detail}. Set DATABASE_URL to use a server of your own`);
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) return failed('Database', error.message);
    throw error;
  }
}
