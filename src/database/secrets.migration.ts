import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Secrets, encrypted, and variables. */
export const secrets: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.secrets (
        project_id text NOT NULL,
        name text NOT NULL,
        allowed_hosts text[],
        version_id uuid NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        updated_by text NOT NULL,
        PRIMARY KEY (project_id, name)
      )`.execute(db);
    // The values of all versions: executions that have used an old one still have to redact it.
    await sql`
      CREATE TABLE cloutagent.secret_versions (
        id uuid PRIMARY KEY,
        project_id text NOT NULL,
        name text NOT NULL,
        key_id text NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        replaced_at timestamptz
      )`.execute(db);
    await sql`
      CREATE INDEX secret_versions_replaced ON cloutagent.secret_versions (replaced_at)
        WHERE replaced_at IS NOT NULL`.execute(db);
    await sql`
      CREATE INDEX executions_of_secret ON cloutagent.executions USING gin (secret_versions)
        WHERE secret_versions <> '{}'`.execute(db);
    await sql`
      CREATE TABLE cloutagent.variables (
        project_id text NOT NULL,
        name text NOT NULL,
        value json NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        updated_by text NOT NULL,
        PRIMARY KEY (project_id, name)
      )`.execute(db);
  },
};
