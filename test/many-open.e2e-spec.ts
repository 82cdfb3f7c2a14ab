import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { until } from './support/until.js';
import { start, Watch } from './support/watch.js';

const COUNT = 5_000;
const RUNS = 20;
/** Reading all rows this often for each run is what the background may do. It was nine times with the wrong index. */
const MAX_SCANS_PER_RUN = 5;
const ROWS = `INSERT INTO cloutagent.executions
    (id, project_id, status, desired_state, parked, completed_at, input, workflow, options, created_by)
  SELECT uuidv7(), 'demo', $1, $2, $3, $4::timestamptz, 'null', '{"nodes":[]}', '{}', 'test' FROM generate_series(1, ${COUNT})`;

describe('with many open executions and outdated statistics of the database', () => {
  let client: pg.Client;
  let server: Server;

  beforeEach(async () => {
    const DATABASE_URL = await createDatabase();
    server = await Server.start({ DATABASE_URL, PARK_TIMEOUT_MS: '0' });
    client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query('ALTER TABLE cloutagent.executions SET (autovacuum_enabled = false)');
    await client.query(ROWS, ['completed', 'run', false, new Date()]);
    await client.query('VACUUM (ANALYZE) cloutagent.executions');
    await client.query(ROWS, ['paused', 'pause', true, null]);
  });
  afterEach(async () => {
    await client.end();
    await server.kill();
  });

  /** Runs an execution that waits for an answer, and is parked before it comes. */
  async function runOne(): Promise<void> {
    const id = await server.startExecution(start([{ id: 'ask', type: 'approval', data: {} }]));
    const wait = async () =>
      (
        await client.query<{ id: string }>(
          `SELECT w.id FROM cloutagent.executions AS e JOIN cloutagent.waits AS w ON w.execution_id = e.id
           WHERE e.id = $1 AND e.parked`,
          [id],
        )
      ).rows[0];
    const { id: waitId } = await until('it is parked', wait);
    await server.call('POST', `/api/waits/${waitId}/answer`, { approved: true });
    await new Watch(server.url, `/api/executions/${id}/stream`).done();
  }

  it('does not read them all to find one by its id', async () => {
    for (let run = 0; run < RUNS; run += 1) await runOne();
    // PostgreSQL counts what a connection has read when it ends, at the latest.
    await server.kill('SIGTERM');
    await until('all connections of the server have ended', async () => {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND backend_type = 'client backend'`,
      );
      return rowCount === 0;
    });
    const { rows } = await client.query<{ read: number }>(
      `SELECT sum(idx_tup_read)::int AS read FROM pg_stat_user_indexes
       WHERE indexrelname IN ('executions_open', 'executions_live')`,
    );
    expect(rows[0]!.read).toBeLessThan(MAX_SCANS_PER_RUN * RUNS * COUNT);
  });
});
