import type pg from 'pg';
import type { RecordedEvent } from '../../src/events/recorded-event.js';
import { dataOf } from '../../src/journal/stored-event.js';

/** Reads the rows of an execution's events from the database, with their whole data. */
export async function storedEvents(
  client: Pick<pg.Client, 'query'>,
  executionId: string,
): Promise<RecordedEvent[]> {
  const { rows } = await client.query<RecordedEvent>(
    'SELECT sequence, type, data FROM cloutagent.events WHERE execution_id = $1 ORDER BY sequence',
    [executionId],
  );
  return rows.map((row) => ({ ...row, data: dataOf(executionId, row.data) }));
}
