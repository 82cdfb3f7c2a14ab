import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Operations on many executions, and what remains of deleted executions. */
export const bulkOperations: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`SELECT 1`.execute(db);
  },
};
