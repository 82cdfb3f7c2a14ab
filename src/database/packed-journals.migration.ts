import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Segments: the compressed events of executions that have ended. An execution has either segments or rows of events, never
 * both, apart from rows that a stale owner inserts later: readers ignore those.
 */
export const packedJournals: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // All locks that the migrations of this release need, in the order in which transactions take them. A weaker lock that
    // becomes a stronger one would block a transaction that has read and wants to write, and be blocked by it.
    await sql`LOCK TABLE cloutagent.executions, cloutagent.waits, cloutagent.processes IN ACCESS EXCLUSIVE MODE`.execute(
      db,
    );
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
    // A column of `executions` would do too. But processes of the release before have prepared statements that return all
    // columns, and PostgreSQL refuses those once there is another one.
    await sql`
      CREATE TABLE cloutagent.unpacked_executions (
        execution_id uuid PRIMARY KEY REFERENCES cloutagent.executions ON DELETE CASCADE,
        completed_at timestamptz NOT NULL
      ) WITH (autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.05)`.execute(db);
    await sql`CREATE INDEX unpacked_executions_oldest ON cloutagent.unpacked_executions (completed_at)`.execute(
      db,
    );
    // A process of a release before inserts its row without this column. Packing waits until no such process is left.
    await sql`ALTER TABLE cloutagent.processes ADD COLUMN reads_segments boolean NOT NULL DEFAULT false`.execute(
      db,
    );
    // Packing deletes rows as fast as they are inserted. By default, a fifth of the table would have to be dead first.
    await sql`
      ALTER TABLE cloutagent.events SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0)`.execute(db);
  },
};
