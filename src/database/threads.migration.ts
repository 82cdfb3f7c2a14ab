import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Which conversation of a client each execution belongs to, for the protocols that name conversations. */
export const threads: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.threads (
        execution_id uuid PRIMARY KEY REFERENCES cloutagent.executions ON DELETE CASCADE,
        project_id text NOT NULL,
        protocol text NOT NULL,
        thread_id text NOT NULL,
        data json NOT NULL
      )`.execute(db);
    // The ids of executions grow with time.
    await sql`
      CREATE INDEX threads_of_project ON cloutagent.threads (project_id, protocol, thread_id, execution_id)`.execute(
      db,
    );
  },
};
