import type { Json } from '@cloutagent/contract';
import { Settings, TransientError } from '@cloutagent/server';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import pg from 'pg';

/** One transaction. The lock is for processes that start at the same time: IF NOT EXISTS alone may fail then. */
const SCHEMA = `
  SELECT pg_advisory_xact_lock(hashtext('team'));
  CREATE SCHEMA IF NOT EXISTS team;
  CREATE TABLE IF NOT EXISTS team.customers (
    project_id text, email text, name text NOT NULL, card text, PRIMARY KEY (project_id, email));
  CREATE TABLE IF NOT EXISTS team.certificates (
    subject text, project_id text, PRIMARY KEY (subject, project_id));
  INSERT INTO team.customers VALUES ('demo', 'ada@example.com', 'Ada Lovelace', '4111 1111 1111 1111')
    ON CONFLICT DO NOTHING;
  INSERT INTO team.certificates VALUES ('CN=ann,O=Example', 'demo') ON CONFLICT DO NOTHING`;

/** The team's own tables, in a schema of their own in the database of the server. */
@Injectable()
export class TeamDatabase implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(TeamDatabase.name);
  private readonly pool: pg.Pool;

  constructor(@Inject(Settings) { DATABASE_URL }: Settings) {
    const timeouts = { statement_timeout: 5_000, connectionTimeoutMillis: 5_000 };
    this.pool = new pg.Pool({ connectionString: DATABASE_URL, max: 3, ...timeouts });
    // Without this, an idle connection that breaks ends the process.
    this.pool.on('error', ({ message }) => this.logger.warn(`an idle connection broke: ${message}`));
  }

  async onModuleInit(): Promise<void> {
    await this.pool.query(SCHEMA);
  }

  /** @throws TransientError, so that a node whose query fails runs again */
  async query<Row extends Record<string, Json>>(sql: string, values: readonly string[]): Promise<Row[]> {
    try {
      return (await this.pool.query<Row>(sql, [...values])).rows;
    } catch (cause) {
      const message = 'The database of the team did not answer the query.';
      throw new TransientError('team_database_failed', message, undefined, { cause });
    }
  }

  /** Called last, when no node runs any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
