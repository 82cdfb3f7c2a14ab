import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { NIL_UUID } from '../common/uuid.js';
import { insertEntries, REPLACED_INDEXES, TREE_INDEXES } from './list-entries.migration.js';

/** Executions of one transaction. */
const BATCH = 1_000;
/** Advisory lock that lets one process work at a time. */
const LOCK = 0x6c697374;
const RETRY_MS = 250;

/** Whether the entries of executions that ended before the migration `0020` may be incomplete. */
export async function needsListBackfill(client: pg.Pool | pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ needs: boolean }>('SELECT to_regclass($1) IS NOT NULL AS needs', [
    `cloutagent.${REPLACED_INDEXES.at(-1)}`,
  ]);
  return rows[0]!.needs;
}

// Nothing has been packed before the first process of this release listens. The lock on the rows excludes a deletion that would
// not see the new entries. An execution that has ended keeps its status.
const FILL = `
  WITH batch AS MATERIALIZED (
    SELECT * FROM cloutagent.executions WHERE id > $1 ORDER BY id LIMIT ${BATCH}
    FOR KEY SHARE
  ), added AS (
    ${insertEntries('(SELECT * FROM batch WHERE completed_at IS NOT NULL) AS e')}
    RETURNING project_id, status, tag, is_root
  ), counted AS (
    INSERT INTO cloutagent.execution_count_changes (project_id, status, change)
    SELECT project_id, status, count(*) FROM added WHERE tag = '' AND is_root GROUP BY 1, 2
  ), unpacked AS (
    INSERT INTO cloutagent.unpacked_executions SELECT id, completed_at FROM batch WHERE completed_at IS NOT NULL
    ON CONFLICT DO NOTHING
  )
  SELECT max(id::text)::uuid AS last FROM batch`;

/**
 * Completes the entries of lists and replaces the indexes that lists used before. It blocks neither readers nor writers, so
 * processes of the release before work meanwhile. If it is interrupted, the next start continues it.
 * @param client a connection without a time limit for statements
 */
export async function fillListEntries(client: pg.ClientBase): Promise<void> {
  while (await needsListBackfill(client)) {
    // A statement that waits for the lock would hold a snapshot, for which CREATE INDEX CONCURRENTLY waits.
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [LOCK]);
    if (!rows[0]!.got) {
      await sleep(RETRY_MS);
      continue;
    }
    try {
      await fill(client);
      await replaceIndexes(client);
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [LOCK]);
    }
  }
}

async function fill(client: pg.ClientBase): Promise<void> {
  for (let last: string | null = NIL_UUID; last !== null;) {
    const { rows }: pg.QueryResult<{ last: string | null }> = await client.query(FILL, [last]);
    last = rows[0]!.last;
  }
  await client.query('ANALYZE cloutagent.list_entries');
}

async function replaceIndexes(client: pg.ClientBase): Promise<void> {
  for (const [name, definition] of Object.entries(TREE_INDEXES)) {
    // An interrupted attempt leaves an index that is not valid.
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS cloutagent.${name}`);
    await client.query(`CREATE INDEX CONCURRENTLY ${name} ON cloutagent.executions ${definition}`);
  }
  for (const name of REPLACED_INDEXES)
    await client.query(`DROP INDEX CONCURRENTLY IF EXISTS cloutagent.${name}`);
}
