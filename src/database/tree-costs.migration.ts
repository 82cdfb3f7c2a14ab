import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * The cost of a tree of executions, as the sum of its calls. Rows from before have no cost: their tokens are priced as one
 * call.
 */
export const treeCosts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE cloutagent.tree_usage ADD COLUMN cost_usd numeric, ADD COLUMN unpriced boolean NOT NULL DEFAULT false`.execute(
      db,
    );
  },
};
