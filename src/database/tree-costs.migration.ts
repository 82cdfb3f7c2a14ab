import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * The cost of a tree of executions, as the sum of its calls, and the tokens of these calls. The other tokens of a row are priced
 * when they are read: they are from before this migration, from a process of the release before, or of an unknown price.
 */
export const treeCosts: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      ALTER TABLE cloutagent.tree_usage
        ADD COLUMN priced_input bigint NOT NULL DEFAULT 0,
        ADD COLUMN priced_output bigint NOT NULL DEFAULT 0,
        ADD COLUMN cost_usd numeric NOT NULL DEFAULT 0`.execute(db);
  },
};
