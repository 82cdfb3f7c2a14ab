import { Injectable } from '@nestjs/common';
import type { EventType } from '@cloutagent/contract';
import { Database } from '../database/database.js';
import type { RecordedEvent } from '../events/recorded-event.js';

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

/** Reads the journal by page. */
@Injectable()
export class JournalReader {
  constructor(private readonly database: Database) {}

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
    const { rows } = await this.database.pool.query<RecordedEvent>({
      name: 'journal-page',
      text: PAGE,
      values: [executionId, after, options.types ?? null, options.limit, options.bytes],
    });
    return rows;
  }

  /** All events but the chunks of output: what an execution's state is made of. */
  async milestones(executionIds: readonly string[]): Promise<Map<string, RecordedEvent[]>> {
    const { rows } = await this.database.pool.query<RecordedEvent & { execution_id: string }>(
      `SELECT execution_id, sequence, type, data FROM cloutagent.events
       WHERE execution_id = ANY ($1) AND type NOT IN ('execution:output', 'execution:thinking')
       ORDER BY execution_id, sequence`,
      [executionIds],
    );
    return Map.groupBy(rows, (row) => row.execution_id);
  }

  /** The last sequence of each execution that has events. */
  async lastSequences(executionIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.database.pool.query<{ id: string; last: number | null }>(
      `SELECT id, (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = id) AS last FROM unnest($1::uuid[]) AS id`,
      [executionIds],
    );
    return new Map(rows.map((row) => [row.id, row.last ?? 0]));
  }
}
