// One PostgreSQL for the whole run, the same embedded one that `npm start` uses.
import pg from 'pg';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseSettings } from '../../dist/config/settings.js';
import { Database } from '../../dist/database/database.js';
import { EmbeddedPostgres } from '../../dist/database/embedded-postgres.js';

const TEMPLATE = 'test_template';

export default async function globalSetup() {
  const folder = await mkdtemp(join(tmpdir(), 'cloutagent-test-'));
  // Nothing here outlives the run, so it need not outlive a power cut either.
  const server = await EmbeddedPostgres.start(folder, {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  });
  globalThis.testDatabase = { server, folder };
  await makeTemplate(server.url);
  process.env.TEST_DATABASE_URL = server.url;
  process.env.TEST_DATABASE_TEMPLATE = TEMPLATE;
}

/** Makes a database with the newest schema and no rows. Copies of it save each test file the migrations. */
async function makeTemplate(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE}`);
  await client.end();
  const DATABASE_URL = Object.assign(new URL(url), { pathname: `/${TEMPLATE}` }).href;
  const database = await Database.connect(parseSettings({ DATABASE_URL }));
  await database.onApplicationShutdown();
}
