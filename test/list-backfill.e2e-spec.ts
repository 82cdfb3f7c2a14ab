import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import pg from 'pg';
import { v7 } from '../src/common/uuid.js';
import { Database } from '../src/database/database.js';
import { fillListEntries } from '../src/database/list-backfill.js';
import { MIGRATIONS, SCHEMA } from '../src/database/migrations.js';
import { createEmptyDatabase } from './support/server.js';
import { until } from './support/until.js';

const EXECUTIONS = 4_000;
const SETTINGS = {
  DATABASE_POOL_SIZE: 2,
  DATABASE_CONNECT_TIMEOUT_MS: 5_000,
  DATABASE_QUERY_TIMEOUT_MS: 60_000,
};
const INSERT = `
  INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by, tags, status, completed_at, parent_id)
  SELECT id, 'p' || n % 3, '1', '{"nodes":[{},{}]}', '{}', 'x', (ARRAY['{a,b}', '{}', '{a}']::text[][])[1 + n % 3]::text[],
    status, CASE WHEN status = 'completed' THEN now() END, parent
  FROM unnest($1::uuid[], $2::text[], $3::uuid[]) WITH ORDINALITY AS v(id, status, parent, n)`;
const ADD_EVENTS = `
  INSERT INTO cloutagent.events
  SELECT id, e.* FROM unnest($1::uuid[]) AS v(id) CROSS JOIN (VALUES (1, 'execution:started', '{}'),
    (2, 'execution:progress', '{"executionId":"e","completedSteps":1,"totalSteps":2,"percent":50}'),
    (3, 'execution:token-usage', '{"usage":{"input":1,"output":2,"total":3}}'),
    (4, 'execution:cost-update', '{"totalCostUSD":null,"modelUsage":{}}'), (5, 'execution:completed', '{}')
  ) AS e(sequence, type, data)`;
const EXPECTED = `
  SELECT e.id, t.tag, e.status, e.project_id, e.parent_id IS NULL, e.created_at, CASE WHEN t.tag = '' AND e.status = 'completed' THEN
    '{"costUSD": null, "progress": {"percent": 50, "totalSteps": 2, "completedSteps": 1}, "tokenUsage": {"input": 1, "total": 3, "output": 2}, "lastSequence": 5}'::jsonb END
  FROM cloutagent.executions AS e CROSS JOIN LATERAL (SELECT '' AS tag UNION SELECT unnest(e.tags)) AS t`;
const ENTRIES = `
  SELECT execution_id, tag, status, project_id, is_root, created_at, summary::jsonb FROM cloutagent.list_entries`;
const COUNTED = `
  SELECT project_id, status, count(*) FROM cloutagent.executions WHERE parent_id IS NULL GROUP BY 1, 2`;
const NUMBERS = `
  SELECT project_id, status, sum(change)::bigint FROM cloutagent.execution_count_changes GROUP BY 1, 2 HAVING sum(change) <> 0`;

/** Makes a database as the release before had it. */
async function migrateTo(url: string, last: string): Promise<void> {
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 1 }) }),
  });
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
    migrationTableSchema: SCHEMA,
  });
  const { error } = await migrator.migrateTo(last);
  await db.destroy();
  if (error) throw error;
}

describe('the entries of lists of a database of the release before', () => {
  let url: string;
  let client: pg.Client;
  let ended: string[];

  beforeEach(async () => {
    url = await createEmptyDatabase();
    await migrateTo(url, '0018-threads');
    client = new pg.Client({ connectionString: url });
    await client.connect();
    const all = Array.from({ length: EXECUTIONS }, () => v7());
    const statuses = all.map((_id, n) => (n % 50 === 3 ? 'waiting' : 'completed'));
    await client.query(INSERT, [all, statuses, all.map((_id, n) => (n % 10 === 9 ? all[n - 1] : null))]);
    ended = all.filter((_id, n) => statuses[n] === 'completed');
    await client.query(ADD_EVENTS, [ended]);
  });
  afterEach(() => client.end());

  const differences = async (a: string, b: string): Promise<unknown[]> =>
    (await client.query(`((${a}) EXCEPT ALL (${b})) UNION ALL ((${b}) EXCEPT ALL (${a}))`)).rows;
  const oldIndexes = async (): Promise<number> =>
    (
      await client.query(
        `SELECT FROM pg_indexes WHERE schemaname = 'cloutagent' AND indexname IN ('executions_newest', 'executions_roots',
           'executions_all_roots', 'executions_created', 'executions_tree')`,
      )
    ).rows.length;

  /** Starts, ends and deletes executions until it is stopped, as a process of the release before does. */
  function load(): { stop: () => Promise<number> } {
    let isStopped = false;
    const loop = async (offset: number): Promise<number> => {
      const own = new pg.Client({ connectionString: url });
      await own.connect();
      let done = 0;
      for (let n = offset; !isStopped; n += 3, done += 1) {
        const id = v7();
        await own.query(INSERT, [[id], ['queued'], [null]]);
        await own.query(`UPDATE cloutagent.executions SET status = 'running' WHERE id = $1`, [id]);
        await own.query('BEGIN');
        await own.query(ADD_EVENTS, [[id]]);
        await own.query(
          `UPDATE cloutagent.executions SET status = 'completed', completed_at = now() WHERE id = $1`,
          [id],
        );
        await own.query('COMMIT');
        // From both ends: executions whose entries are there, and executions whose entries are not.
        const victim = n % 2 === 0 ? ended[n] : ended[ended.length - n];
        await own.query('DELETE FROM cloutagent.executions WHERE id = $1', [victim]);
        await own.query('DELETE FROM cloutagent.events WHERE execution_id = $1', [victim]);
      }
      await own.end();
      return done;
    };
    const loops = Promise.all([0, 1, 2].map(loop));
    return {
      stop: async () => {
        isStopped = true;
        return Math.min(...(await loops));
      },
    };
  }

  it('are complete after two processes have started under load', async () => {
    const running = load();
    const connect = async () => {
      const database = await Database.connect({ ...SETTINGS, DATABASE_URL: url });
      await database.onApplicationShutdown();
    };
    await Promise.all([connect(), connect()]);
    expect(await running.stop()).toBeGreaterThan(0);
    expect(await differences(EXPECTED, ENTRIES)).toEqual([]);
    expect(await differences(COUNTED, NUMBERS)).toEqual([]);
    expect(await oldIndexes()).toBe(0);
  });

  it('are completed by the next start if a start was interrupted', async () => {
    await migrateTo(url, '0020-list-entries');
    const filled = async (): Promise<number> =>
      (await client.query(`SELECT FROM cloutagent.list_entries WHERE status = 'completed'`)).rows.length;
    expect(await filled()).toBe(0);
    const first = new pg.Client({ connectionString: url });
    first.on('error', () => undefined);
    await first.connect();
    const attempt = fillListEntries(first).catch(() => undefined);
    await until('the first batch is there', async () => (await filled()) > 0);
    await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    await attempt;
    // As a start leaves it that ends while it makes an index.
    await client.query('DROP INDEX IF EXISTS cloutagent.executions_of_root_newest');
    await client.query(
      'CREATE INDEX executions_of_root_newest ON cloutagent.executions (root_id) WHERE root_id IS NOT NULL',
    );
    const database = await Database.connect({ ...SETTINGS, DATABASE_URL: url });
    await database.onApplicationShutdown();
    expect(await differences(EXPECTED, ENTRIES)).toEqual([]);
    expect(await differences(COUNTED, NUMBERS)).toEqual([]);
    expect(await oldIndexes()).toBe(0);
    const { rows } = await client.query<{ definition: string }>(
      `SELECT indexdef AS definition FROM pg_indexes WHERE indexname = 'executions_of_root_newest'`,
    );
    expect(rows[0]!.definition).toContain('(root_id, status, created_at, id)');
  });
});
