// One PostgreSQL for the whole run, the same embedded one that `npm start` uses.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../dist/database/embedded-postgres.js';

export default async function globalSetup() {
  const folder = await mkdtemp(join(tmpdir(), 'cloutagent-test-'));
  // Nothing here outlives the run, so it need not outlive a power cut either.
  const server = await EmbeddedPostgres.start(folder, {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  });
  process.env.TEST_DATABASE_URL = server.url;
  globalThis.testDatabase = { server, folder };
}
