import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Saved workflows with their versions and aliases, and what executions and keys keep of them. */
export const definitions: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // With the collation "C" the primary keys have the order of the list, whatever the language of the database is.
    await sql`
      CREATE TABLE cloutagent.workflows (
        project_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        newest int NOT NULL,
        deleted_at timestamptz,
        PRIMARY KEY (project_id, name)
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.workflow_versions (
        project_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        version int NOT NULL,
        hash bytea NOT NULL,
        workflow json NOT NULL,
        input_schema json,
        options json NOT NULL,
        description text,
        tags text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        PRIMARY KEY (project_id, name, version),
        FOREIGN KEY (project_id, name) REFERENCES cloutagent.workflows
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.workflow_aliases (
        project_id text COLLATE "C" NOT NULL,
        name text COLLATE "C" NOT NULL,
        alias text NOT NULL,
        version int NOT NULL,
        PRIMARY KEY (project_id, name, alias),
        FOREIGN KEY (project_id, name, version) REFERENCES cloutagent.workflow_versions
      )`.execute(db);
    await sql`
      ALTER TABLE cloutagent.executions
        ADD COLUMN workflow_name text,
        ADD COLUMN workflow_version int,
        ADD COLUMN start_at timestamptz,
        ADD COLUMN secret_versions uuid[] NOT NULL DEFAULT '{}'`.execute(db);
    await sql`
      CREATE INDEX executions_of_workflow ON cloutagent.executions (project_id, workflow_name, id DESC)
        WHERE workflow_name IS NOT NULL`.execute(db);
    await sql`ALTER TABLE cloutagent.api_keys ADD COLUMN workflows text[]`.execute(db);
  },
};
