import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Segments: the compressed events of executions that have ended. An execution has either segments or rows of events, never
 * both, apart from rows that a stale owner inserts later: readers ignore those.
 */
export const packedJournals: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.segments (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        first int NOT NULL CHECK (first > 0),
        last int NOT NULL CHECK (last >= first),
        bytes int NOT NULL,
        types text[],
        last_type text,
        progress json,
        usage json,
        cost json,
        data bytea NOT NULL,
        PRIMARY KEY (execution_id, first)
      )`.execute(db);
    // The data is compressed already.
    await sql`ALTER TABLE cloutagent.segments ALTER COLUMN data SET STORAGE EXTERNAL`.execute(db);
    await sql`ALTER TABLE cloutagent.executions ADD COLUMN packed boolean NOT NULL DEFAULT false`.execute(db);
    await sql`
      CREATE INDEX executions_unpacked ON cloutagent.executions (completed_at)
        WHERE completed_at IS NOT NULL AND NOT packed`.execute(db);
    // Packing deletes rows as fast as they are inserted. By default, a fifth of the table would have to be dead first.
    await sql`
      ALTER TABLE cloutagent.events SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0)`.execute(db);
  },
};
