import { Injectable } from '@nestjs/common';
import type { EventType } from '@cloutagent/contract';
import { BatchedLookup } from '../database/batched-lookup.js';
import { Database } from '../database/database.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { isUuid } from '../common/uuid.js';

// The running sum stops the page at its size without cutting an event: the first one always fits.
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
  SELECT execution_id AS id, sequence, type, data FROM cloutagent.events
  JOIN unnest($1::uuid[], $2::int[]) AS a(id, place) ON execution_id = a.id AND sequence = a.place`;

/** Reads the journal by page. What is no execution id names an execution without events. */
@Injectable()
export class JournalReader {
  private readonly newestOf = new BatchedLookup((ids) => this.readNewest(ids));
  private readonly eventAt = new BatchedLookup((keys) => this.readAt(keys));

  constructor(private readonly database: Database) {}

  /** The sequence and type of an execution's newest event, if it has one. Many at once cost few queries. */
  newest(executionId: string): Promise<Pick<RecordedEvent, 'sequence' | 'type'> | undefined> {
    return isUuid(executionId) ? this.newestOf.find(executionId.toLowerCase()) : Promise.resolve(undefined);
  }

  /** Reads one event of an execution, if it has it. Many at once cost few queries. */
  at(executionId: string, sequence: number): Promise<RecordedEvent | undefined> {
    return isUuid(executionId)
      ? this.eventAt.find(`${executionId.toLowerCase()}:${sequence}`)
      : Promise.resolve(undefined);
  }

  /**
   * The events after a position, in order.
   * @param types only these; all when left out
   * @param limit most events
   * @param bytes most bytes of data, but at least one event
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

  /** All events but the chunks of output: what an execution's state is made of. */
  async stateEvents(executionIds: readonly string[]): Promise<Map<string, RecordedEvent[]>> {
    const { rows } = await this.database.pool.query<RecordedEvent & { execution_id: string }>(
      `SELECT execution_id, sequence, type, data FROM cloutagent.events
       WHERE execution_id = ANY ($1) AND type NOT IN ('execution:output', 'execution:thinking')
       ORDER BY execution_id, sequence`,
      [executionIds.filter(isUuid)],
    );
    return Map.groupBy(rows, (row) => row.execution_id);
  }

  private async readAt(keys: readonly string[]): Promise<Map<string, RecordedEvent>> {
    const places = keys.map((key) => key.split(':') as [string, string]);
    const { rows } = await this.database.pool.query<RecordedEvent & { id: string }>(AT, [
      places.map(([id]) => id),
      places.map(([, sequence]) => Number(sequence)),
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

  /** Whether any of these executions has an event after its position, of these types. */
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

  /** The last sequence of each execution that has events. */
  async lastSequences(executionIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.database.pool.query<{ id: string; last: number | null }>(
      `SELECT id, (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = id) AS last FROM unnest($1::uuid[]) AS id`,
      [executionIds.filter(isUuid)],
    );
    return new Map(rows.map((row) => [row.id, row.last ?? 0]));
  }
}
