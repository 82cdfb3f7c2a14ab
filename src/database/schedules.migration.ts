import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Schedules and triggers. */
export const schedules: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`SELECT 1`.execute(db);
  },
};
