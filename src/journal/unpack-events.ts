import type pg from 'pg';
import { NIL_UUID } from '../common/uuid.js';
import type { Database } from '../database/database.js';
import { textArray } from './binary-array.js';
import { RETENTION_LOCK } from './retention-sweeper.js';
import { decodeSegment } from './segment.js';
import { dataOf } from './stored-event.js';

/** Executions that one transaction unpacks. */
const BATCH = 20;
/** Short rows that one statement turns into whole ones. */
const SHORT_ROWS = 5_000;

const LOCK = `
  SELECT id FROM cloutagent.executions AS e WHERE id > $1 AND EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = e.id)
  ORDER BY id LIMIT ${BATCH} FOR NO KEY UPDATE`;
const SEGMENTS = `SELECT first FROM cloutagent.segments WHERE execution_id = $1 ORDER BY first`;
const SEGMENT = `SELECT data FROM cloutagent.segments WHERE execution_id = $1 AND first = $2`;
const INSERT = `
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT $1, $2 + n - 1, type, data FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS e(type, data, n)
  ON CONFLICT (execution_id, sequence) DO UPDATE SET type = excluded.type, data = excluded.data`;
const UNPACKED = `
  INSERT INTO cloutagent.unpacked_executions SELECT id, completed_at FROM cloutagent.executions WHERE id = $1
  ON CONFLICT DO NOTHING`;

const SHORT = `
  SELECT execution_id AS id, sequence, data FROM cloutagent.events
  WHERE (execution_id, sequence) > ($1, $2) AND NOT starts_with(data, '{')
  ORDER BY execution_id, sequence LIMIT ${SHORT_ROWS}`;
const LENGTHEN = `
  UPDATE cloutagent.events AS e SET data = v.data
  FROM unnest($1::uuid[], $2::int[], $3::text[]) AS v(id, sequence, data)
  WHERE e.execution_id = v.id AND e.sequence = v.sequence`;

/**
 * Turns the segments of all executions into rows again, and short rows into whole ones, for a release that knows neither.
 * Servers may run meanwhile if they do not pack. An interrupted call continues when it is called again.
 * @returns the number of executions
 * @throws DamagedSegmentError; the executions before it are unpacked
 */
export async function unpackAll(database: Database): Promise<number> {
  let unpacked = 0;
  for (let after = NIL_UUID; ;) {
    const ids = await database.transaction((client) => unpackBatch(client, after));
    const last = ids.at(-1);
    if (last === undefined) break;
    unpacked += ids.length;
    after = last;
  }
  await lengthenRows(database);
  return unpacked;
}

/** Writes the whole data of each event into its row. */
async function lengthenRows(database: Database): Promise<void> {
  for (let after = { id: NIL_UUID, sequence: 0 }; ;) {
    const { rows } = await database.pool.query<{ id: string; sequence: number; data: string }>(SHORT, [
      after.id,
      after.sequence,
    ]);
    const last = rows.at(-1);
    if (!last) return;
    await database.pool.query(LENGTHEN, [
      rows.map(({ id }) => id),
      rows.map(({ sequence }) => sequence),
      textArray(rows.map(({ id, data }) => dataOf(id, data))),
    ]);
    after = last;
  }
}

async function unpackBatch(client: pg.PoolClient, after: string): Promise<string[]> {
  // A sweep whose snapshot is older would leave the rows of an execution that it deletes.
  await client.query('SELECT pg_advisory_xact_lock($1)', [RETENTION_LOCK]);
  const { rows } = await client.query<{ id: string }>(LOCK, [after]);
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return ids;
  const triggers = await client.query(
    `SELECT FROM pg_trigger WHERE tgrelid = 'cloutagent.events'::regclass AND NOT tgisinternal`,
  );
  // Events that were delivered long ago are no new ones. Appends wait until the transaction ends.
  if (triggers.rowCount) await client.query('ALTER TABLE cloutagent.events DISABLE TRIGGER USER');
  for (const id of ids) await unpackEvents(client, id);
  if (triggers.rowCount) await client.query('ALTER TABLE cloutagent.events ENABLE TRIGGER USER');
  return ids;
}

async function unpackEvents(client: pg.PoolClient, executionId: string): Promise<void> {
  const { rows } = await client.query<{ first: number }>(SEGMENTS, [executionId]);
  for (const { first } of rows) {
    const found = await client.query<{ data: Buffer }>(SEGMENT, [executionId, first]);
    const events = await decodeSegment(executionId, first, found.rows[0]!.data);
    await client.query(INSERT, [
      executionId,
      first,
      textArray(events.map(({ type }) => type)),
      textArray(events.map(({ data }) => data)),
    ]);
  }
  await client.query('DELETE FROM cloutagent.segments WHERE execution_id = $1', [executionId]);
  await client.query(UNPACKED, [executionId]);
}
