import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Records which processes can read the short rows of chunks. Processes of an older release leave the default. */
export const shortRows: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`ALTER TABLE cloutagent.processes ADD COLUMN reads_short_rows boolean NOT NULL DEFAULT false`.execute(
      db,
    );
  },
};
