import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Lets the statement that inserts executions claim them as well. */
export const claimAtStart: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // Each statement of a volatile function has its own snapshot. So the count sees what the claim before this one has
    // committed, which the statement that calls the function would not.
    await sql`
      CREATE FUNCTION cloutagent.claimable(claim_lock bigint, claimant text, project text, per_project int)
      RETURNS int LANGUAGE plpgsql VOLATILE AS $$
      BEGIN
        IF NOT pg_try_advisory_xact_lock(claim_lock) THEN RETURN 0; END IF;
        PERFORM FROM cloutagent.processes WHERE identity = claimant FOR KEY SHARE;
        IF NOT FOUND THEN RETURN 0; END IF;
        PERFORM FROM cloutagent.executions
          WHERE project_id = project AND runnable_at <= clock_timestamp() AND owner IS NULL LIMIT 1;
        IF FOUND THEN RETURN 0; END IF;
        RETURN per_project - (SELECT count(*) FROM (
          SELECT FROM cloutagent.executions WHERE project_id = project AND owner IS NOT NULL AND NOT idle LIMIT per_project
        ) AS busy);
      END $$`.execute(db);
  },
};
