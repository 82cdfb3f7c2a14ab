import type pg from 'pg';
import type { RecordedEvent } from '../events/recorded-event.js';
import { NEWEST_COLUMNS, type NewestType } from './newest-events.js';
import { decodeSegment, encodeSegment } from './segment.js';
import { dataBytes, dataOf } from './stored-event.js';

/** Events of a segment at most: a page that begins in its middle decodes all of them. */
const SEGMENT_EVENTS = 2_000;
/** A segment ends with the event that reaches this many bytes of data. */
const SEGMENT_BYTES = 262_144;

const READ = `
  SELECT sequence, type, data FROM (
    SELECT sequence, type, data, sum(${dataBytes('data')}) OVER (ORDER BY sequence) - ${dataBytes('data')} AS before
    FROM (
      SELECT sequence, type, data FROM cloutagent.events WHERE execution_id = $1 AND sequence > $2
      ORDER BY sequence LIMIT ${SEGMENT_EVENTS}
    ) AS page
  ) AS sized WHERE before < ${SEGMENT_BYTES} ORDER BY sequence`;

const REPLACE = `
  WITH deleted AS (DELETE FROM cloutagent.events WHERE execution_id = $1 AND sequence BETWEEN $2 AND $3)
  INSERT INTO cloutagent.segments
    (execution_id, first, last, bytes, types, last_type, progress, usage, cost, data)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

/** The events of an execution cannot be packed. Another try has the same result. */
export class UnpackableError extends Error {
  override readonly name = 'UnpackableError';
}

/** Sizes of a packed execution. */
export interface PackedSize {
  events: number;
  /** Of the events' data. */
  bytesBefore: number;
  /** Of the segments' data. */
  bytesAfter: number;
}

/**
 * Moves the events of an execution from rows to segments. Each segment is decoded again and compared before its rows go.
 * The caller marks the execution as packed.
 * @param client of a transaction that has locked the execution's row
 * @throws UnpackableError if a segment would not give the same events; the transaction must be rolled back
 */
export async function packEvents(client: pg.PoolClient, executionId: string): Promise<PackedSize> {
  const size: PackedSize = { events: 0, bytesBefore: 0, bytesAfter: 0 };
  const newest = new Map<string, RecordedEvent>();
  let next = await readPart(client, executionId, 0);
  for (let isFirst = true; next; isFirst = false) {
    const { events, bytes, isLast: isKnownLast } = next;
    const last = events.at(-1)!;
    next = isKnownLast ? undefined : await readPart(client, executionId, last.sequence);
    for (const event of events) newest.set(event.type, event);
    const data = await encodeChecked(executionId, events);
    await client.query({
      name: 'pack-replace',
      text: REPLACE,
      values: [
        executionId,
        events[0]!.sequence,
        last.sequence,
        bytes,
        isFirst && !next ? null : [...new Set(events.map(({ type }) => type))],
        ...(next ? [null, null, null, null] : newestValues(last, newest)),
        data,
      ],
    });
    size.events += events.length;
    size.bytesBefore += bytes;
    size.bytesAfter += data.length;
  }
  return size;
}

/** The events of a segment. */
interface Part {
  events: RecordedEvent[];
  /** Of their data. */
  bytes: number;
  /** Whether no events are known to follow. */
  isLast: boolean;
}

/** Reads the events of the next segment. It ends where a sequence is missing. */
async function readPart(
  client: pg.PoolClient,
  executionId: string,
  after: number,
): Promise<Part | undefined> {
  const { rows } = await client.query<RecordedEvent>({
    name: 'pack-read',
    text: READ,
    values: [executionId, after],
  });
  if (rows.length === 0) return undefined;
  const gap = rows.findIndex(({ sequence }, index) => sequence !== rows[0]!.sequence + index);
  const events = (gap === -1 ? rows : rows.slice(0, gap)).map((row) => ({
    ...row,
    data: dataOf(executionId, row.data),
  }));
  const bytes = events.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
  return { events, bytes, isLast: gap === -1 && rows.length < SEGMENT_EVENTS && bytes < SEGMENT_BYTES };
}

async function encodeChecked(executionId: string, events: readonly RecordedEvent[]): Promise<Buffer> {
  const data = await encodeSegment(executionId, events);
  const decoded = await decodeSegment(executionId, events[0]!.sequence, data);
  const isSame = events.every((event, index) => {
    const other = decoded[index];
    return other?.sequence === event.sequence && other.type === event.type && other.data === event.data;
  });
  if (!isSame || decoded.length !== events.length)
    throw new UnpackableError(`the events from ${events[0]!.sequence} would not be read as they are`);
  return data;
}

/** The values of the columns that only the last segment has. */
function newestValues(last: RecordedEvent, newest: ReadonlyMap<string, RecordedEvent>): (string | null)[] {
  const fields = (Object.keys(NEWEST_COLUMNS) as NewestType[]).map((type) => {
    const event = newest.get(type);
    if (!event) return null;
    const { executionId: _id, timestamp: _time, ...rest } = JSON.parse(event.data) as Record<string, unknown>;
    return JSON.stringify(rest);
  });
  return [last.type, ...fields];
}
