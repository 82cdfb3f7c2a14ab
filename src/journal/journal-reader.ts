import { Injectable } from '@nestjs/common';
import { type EventType, isTerminalEvent } from '@cloutagent/contract';
import { BatchedLookup } from '../database/batched-lookup.js';
import { Database } from '../database/database.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { isUuid } from '../common/uuid.js';
import { lastSegment, lastSequenceOf } from './newest-events.js';
import { SegmentReader, type StoredEvents } from './segment-reader.js';
import { dataBytes } from './stored-event.js';

/** Segments that one statement reads at most. */
const SEGMENTS_PER_READ = 8;

// An execution has rows or segments. Each statement reads both, from one snapshot, so it finds all events while an execution
// is packed or unpacked. Rows of a packed execution come from an owner that had lost it: they are no events.
const HAS_NO_SEGMENT = (id: string) =>
  `NOT EXISTS (SELECT FROM cloutagent.segments WHERE execution_id = ${id})`;

// The running sum ends the page at its size without cutting an event. The first event always fits. A segment is read if the
// page may need it: the events and bytes of the first one count only as far as they are known to be wanted.
const PAGE = `
  SELECT sequence, type, data, NULL::bytea AS packed FROM (
    SELECT sequence, type, data, sum(${dataBytes('data')}) OVER (ORDER BY sequence) - ${dataBytes('data')} AS before
    FROM (
      SELECT sequence, type, data FROM cloutagent.events
      WHERE execution_id = $1 AND sequence > $2 AND ($3::text[] IS NULL OR type = ANY ($3)) AND ${HAS_NO_SEGMENT('$1')}
      ORDER BY sequence LIMIT $4
    ) AS page
  ) AS sized WHERE before < $5
  UNION ALL
  SELECT first, NULL, NULL, data FROM (
    SELECT first, data, sum(last - greatest(first - 1, $2)) OVER w - last + greatest(first - 1, $2) AS events,
      sum(bytes) OVER w - bytes AS before
    FROM (
      SELECT first, last, bytes, data FROM cloutagent.segments
      WHERE execution_id = $1 AND last > $2 AND ($3::text[] IS NULL OR types IS NULL OR types && $3)
      ORDER BY first LIMIT ${SEGMENTS_PER_READ}
    ) AS next WINDOW w AS (ORDER BY first)
  ) AS counted WHERE events < $4 AND before < $5`;

const NEWEST = `
  SELECT id, coalesce(p.sequence, e.sequence) AS sequence, coalesce(p.type, e.type) AS type FROM unnest($1::uuid[]) AS id
  LEFT JOIN LATERAL (${lastSegment('last AS sequence, last_type AS type', 'id')}) AS p ON true
  LEFT JOIN LATERAL (
    SELECT sequence, type FROM cloutagent.events WHERE execution_id = id AND p.sequence IS NULL
    ORDER BY sequence DESC LIMIT 1
  ) AS e ON true
  WHERE coalesce(p.sequence, e.sequence) IS NOT NULL`;

const AT = `
  SELECT a.id, a.sequence AS wanted, coalesce(s.first, e.sequence) AS sequence, e.type, e.data, s.data AS packed
  FROM unnest($1::uuid[], $2::int[]) AS a(id, sequence)
  LEFT JOIN LATERAL (
    SELECT first, data FROM cloutagent.segments WHERE execution_id = a.id AND first <= a.sequence
    ORDER BY first DESC LIMIT 1
  ) AS s ON true
  LEFT JOIN cloutagent.events AS e ON e.execution_id = a.id AND e.sequence = a.sequence AND s.first IS NULL
  WHERE s.first IS NOT NULL OR e.sequence IS NOT NULL`;

const NO_STATE: readonly string[] = ['execution:output', 'execution:thinking', 'execution:custom'];

// Ordered inside the join: outside, PostgreSQL would sort events that its index already has in order.
const STATES = `
  SELECT i.id, coalesce(p.last, newest.sequence) AS "lastSequence", e.* FROM unnest($1::uuid[]) AS i(id)
  LEFT JOIN LATERAL (${lastSegment('last', 'i.id')}) AS p ON true
  CROSS JOIN LATERAL (
    SELECT max(sequence) AS sequence FROM cloutagent.events WHERE execution_id = i.id
  ) AS newest LEFT JOIN LATERAL (
    (SELECT sequence, type, data, NULL::bytea AS packed FROM cloutagent.events
    WHERE execution_id = i.id AND type NOT IN ('execution:output', 'execution:thinking')
      AND type <> 'execution:custom' AND p.last IS NULL
    ORDER BY sequence)
    UNION ALL
    SELECT first, NULL, NULL, data FROM cloutagent.segments
    WHERE execution_id = i.id AND (types IS NULL OR NOT types <@ $2)
  ) AS e ON true`;

// One event that was found decides. A segment without `types`, or with a wanted one, is only a candidate.
const HAS_AFTER = `
  SELECT p.id, p.position, false AS packed FROM unnest($1::uuid[], $2::int[]) AS p(id, position) WHERE EXISTS (
    SELECT FROM cloutagent.events WHERE execution_id = p.id AND sequence > p.position
      AND ($3::text[] IS NULL OR type = ANY ($3)) AND ${HAS_NO_SEGMENT('p.id')})
  UNION ALL
  SELECT p.id, p.position, $3::text[] IS NOT NULL FROM unnest($1::uuid[], $2::int[]) AS p(id, position) WHERE EXISTS (
    SELECT FROM cloutagent.segments WHERE execution_id = p.id AND last > p.position
      AND ($3::text[] IS NULL OR types IS NULL OR types && $3))`;

/** The events that make up an execution's state, and how far its journal has come. */
export interface StateEvents {
  /** All events except chunks of output and events that modules define, in order. */
  events: RecordedEvent[];
  /** Of the newest event of any type; 0 without events. */
  lastSequence: number;
}

/** Reads the journal. A text that is not an execution id is treated as an execution without events. */
@Injectable()
export class JournalReader {
  private readonly segments = new SegmentReader();
  private readonly newestOf = new BatchedLookup((ids) => this.readNewest(ids));
  private readonly found = new BatchedLookup((ids) => this.readExisting(ids));
  private readonly eventAt = new BatchedLookup((keys) => this.readAt(keys));

  constructor(private readonly database: Database) {}

  /** Reads the sequence and type of an execution's newest event, if it has one. Simultaneous calls share queries. */
  newest(executionId: string): Promise<Pick<RecordedEvent, 'sequence' | 'type'> | undefined> {
    return isUuid(executionId) ? this.newestOf.find(executionId.toLowerCase()) : Promise.resolve(undefined);
  }

  /** Whether an execution exists, with or without events. Simultaneous calls share queries. */
  async exists(executionId: string): Promise<boolean> {
    return isUuid(executionId) && (await this.found.find(executionId.toLowerCase())) === true;
  }

  /** Reads one event of an execution, if it exists. Simultaneous calls share queries. */
  at(executionId: string, sequence: number): Promise<RecordedEvent | undefined> {
    return isUuid(executionId)
      ? this.eventAt.find(`${executionId.toLowerCase()}:${sequence}`)
      : Promise.resolve(undefined);
  }

  /**
   * Reads the events after a sequence, in order.
   * @param options.types types to read; all when left out
   * @param options.limit maximum number of events
   * @param options.bytes maximum bytes of data; the first event is returned whatever its size
   */
  async read(
    executionId: string,
    after: number,
    options: { types?: readonly EventType[] | undefined; limit: number; bytes: number },
  ): Promise<RecordedEvent[]> {
    if (!isUuid(executionId)) return [];
    const page: RecordedEvent[] = [];
    let bytes = 0;
    for (let position = after; ;) {
      const limit = options.limit - page.length;
      const { rows } = await this.database.pool.query<StoredEvents>({
        name: 'journal-page',
        text: PAGE,
        values: [executionId, position, options.types ?? null, limit, options.bytes - bytes],
      });
      const stored = await this.segments.events(executionId.toLowerCase(), rows);
      if (!rows.some(({ packed }) => packed)) return page.concat(stored);
      for (const event of stored) {
        if (event.sequence <= position || (options.types && !options.types.includes(event.type))) continue;
        if (page.length === options.limit || bytes >= options.bytes) return page;
        page.push(event);
        bytes += Buffer.byteLength(event.data);
      }
      const last = stored.at(-1)!;
      if (page.length === options.limit || bytes >= options.bytes || isTerminalEvent(last.type)) return page;
      // The filter has left out so many events that the page has room for those of the next segments.
      position = last.sequence;
    }
  }

  /** Reads the events that make up an execution's state, and its last sequence, from one snapshot. */
  async readState(executionId: string): Promise<StateEvents> {
    const states = isUuid(executionId) ? await this.readStates([executionId]) : undefined;
    return states?.get(executionId.toLowerCase()) ?? { events: [], lastSequence: 0 };
  }

  /** Reads the same for several executions, from one snapshot. @param executionIds must be UUIDs in lower case */
  async readStates(executionIds: readonly string[]): Promise<Map<string, StateEvents>> {
    const { rows } = await this.database.pool.query<StateRow>({
      name: 'journal-states',
      text: STATES,
      values: [executionIds, NO_STATE],
    });
    const states = new Map<string, StateEvents>();
    for (const [id, found] of Map.groupBy(rows, (row) => row.id)) {
      // Without state events there is one row, and its columns are null.
      const stored = found.filter((row): row is StateRow & StoredEvents => row.sequence !== null);
      const events = await this.segments.events(id, stored);
      const isPacked = stored.some(({ packed }) => packed);
      states.set(id, {
        events: isPacked ? events.filter(({ type }) => !NO_STATE.includes(type)) : events,
        lastSequence: found[0]!.lastSequence ?? 0,
      });
    }
    return states;
  }

  /** Checks whether any of these executions has an event of these types after its position. */
  async hasAfter(
    positions: readonly { executionId: string; position: number }[],
    types: readonly EventType[] | undefined,
  ): Promise<boolean> {
    const known = positions.filter(({ executionId }) => isUuid(executionId));
    const { rows } = await this.database.pool.query<{ id: string; position: number; packed: boolean }>(
      HAS_AFTER,
      [known.map(({ executionId }) => executionId), known.map(({ position }) => position), types ?? null],
    );
    for (const { id, position, packed } of rows) {
      if (!packed) return true;
      if ((await this.read(id, position, { types, limit: 1, bytes: 1 })).length > 0) return true;
    }
    return false;
  }

  /** Reads the last sequence of each execution; 0 without events. */
  async lastSequences(executionIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.database.pool.query<{ id: string; last: number }>(
      `SELECT id, ${lastSequenceOf('id')} AS last FROM unnest($1::uuid[]) AS id`,
      [executionIds.filter(isUuid)],
    );
    return new Map(rows.map((row) => [row.id, row.last]));
  }

  private async readExisting(ids: readonly string[]): Promise<Map<string, true>> {
    const { rows } = await this.database.pool.query<{ id: string }>(
      'SELECT id FROM cloutagent.executions WHERE id = ANY ($1::uuid[])',
      [ids],
    );
    return new Map(rows.map(({ id }) => [id, true]));
  }

  private async readAt(keys: readonly string[]): Promise<Map<string, RecordedEvent>> {
    const positions = keys.map((key) => key.split(':') as [string, string]);
    const { rows } = await this.database.pool.query<StoredEvents & { id: string; wanted: number }>(AT, [
      positions.map(([id]) => id),
      positions.map(([, sequence]) => Number(sequence)),
    ]);
    const found = new Map<string, RecordedEvent>();
    for (const row of rows) {
      const events = await this.segments.events(row.id, [row]);
      const event = events.find(({ sequence }) => sequence === row.wanted);
      if (event) found.set(`${row.id}:${row.wanted}`, event);
    }
    return found;
  }

  private async readNewest(
    ids: readonly string[],
  ): Promise<Map<string, Pick<RecordedEvent, 'sequence' | 'type'>>> {
    const { rows } = await this.database.pool.query<
      Pick<RecordedEvent, 'sequence' | 'type'> & { id: string }
    >({
      name: 'journal-newest',
      text: NEWEST,
      values: [ids],
    });
    return new Map(rows.map((row) => [row.id, row]));
  }
}

interface StateRow {
  id: string;
  lastSequence: number | null;
  sequence: number | null;
}
