import { Injectable } from '@nestjs/common';
import type { EventType } from '@cloutagent/contract';
import { BatchedLookup } from '../database/batched-lookup.js';
import { Database } from '../database/database.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { isUuid } from '../common/uuid.js';

// The running sum ends the page at its size without cutting an event. The first event always fits.
const PAGE = `
  SELECT sequence, type, data FROM (
    SELECT sequence, type, data, sum(octet_length(data)) OVER (ORDER BY sequence) - octet_length(data) AS before
    FROM (
      SELECT sequence, type, data FROM cloutagent.events
      WHERE execution_id = $1 AND sequence > $2 AND ($3::text[] IS NULL OR type = ANY ($3))
      ORDER BY sequence LIMIT $4
    ) AS page
  ) AS sized WHERE before < $5 ORDER BY sequence`;

const NEWEST = `
  SELECT id, newest.sequence, newest.type FROM unnest($1::uuid[]) AS id,
    LATERAL (SELECT sequence, type FROM cloutagent.events WHERE execution_id = id ORDER BY sequence DESC LIMIT 1) AS newest`;

const AT = `
  SELECT execution_id AS id, e.sequence, type, data FROM cloutagent.events AS e
  JOIN unnest($1::uuid[], $2::int[]) AS a(id, sequence) ON execution_id = a.id AND e.sequence = a.sequence`;

// Ordered inside the join: outside, PostgreSQL would sort events that its index already has in order.
const STATES = `
  SELECT i.id, newest.sequence AS "lastSequence", e.* FROM unnest($1::uuid[]) AS i(id), LATERAL (
    SELECT max(sequence) AS sequence FROM cloutagent.events WHERE execution_id = i.id
  ) AS newest LEFT JOIN LATERAL (
    SELECT sequence, type, data FROM cloutagent.events
    WHERE execution_id = i.id AND type NOT IN ('execution:output', 'execution:thinking')
      AND type <> 'execution:custom'
    ORDER BY sequence
  ) AS e ON true`;

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
    const { rows } = await this.database.pool.query<RecordedEvent>({
      name: 'journal-page',
      text: PAGE,
      values: [executionId, after, options.types ?? null, options.limit, options.bytes],
    });
    return rows;
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
      values: [executionIds],
    });
    return new Map(
      [...Map.groupBy(rows, ({ id }) => id)].map(([id, found]) => {
        // Without state events there is one row, and its columns are null.
        const events = found.filter((row): row is StateRow & RecordedEvent => row.sequence !== null);
        // The join keeps the order, but SQL does not guarantee it. Sorting a sorted list takes one pass.
        events.sort((one, other) => one.sequence - other.sequence);
        return [id, { events, lastSequence: found[0]!.lastSequence ?? 0 }];
      }),
    );
  }

  /** Checks whether any of these executions has an event of these types after its position. */
  async hasAfter(
    positions: readonly { executionId: string; position: number }[],
    types: readonly EventType[] | undefined,
  ): Promise<boolean> {
    const known = positions.filter(({ executionId }) => isUuid(executionId));
    const { rows } = await this.database.pool.query<{ found: boolean }>(
      `SELECT EXISTS (
         SELECT FROM unnest($1::uuid[], $2::int[]) AS p(id, position), LATERAL (
           SELECT FROM cloutagent.events WHERE execution_id = p.id AND sequence > p.position
             AND ($3::text[] IS NULL OR type = ANY ($3)) LIMIT 1
         ) AS event
       ) AS found`,
      [known.map(({ executionId }) => executionId), known.map(({ position }) => position), types ?? null],
    );
    return rows[0]!.found;
  }

  /** Reads the last sequence of each execution; 0 without events. */
  async lastSequences(executionIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.database.pool.query<{ id: string; last: number | null }>(
      `SELECT id, (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = id) AS last FROM unnest($1::uuid[]) AS id`,
      [executionIds.filter(isUuid)],
    );
    return new Map(rows.map((row) => [row.id, row.last ?? 0]));
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
    const { rows } = await this.database.pool.query<RecordedEvent & { id: string }>(AT, [
      positions.map(([id]) => id),
      positions.map(([, sequence]) => Number(sequence)),
    ]);
    return new Map(rows.map((row) => [`${row.id}:${row.sequence}`, row]));
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
  type: EventType | null;
  data: string | null;
}
