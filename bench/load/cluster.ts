import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

const { EmbeddedPostgres } = (await import(
  new URL('../../dist/database/embedded-postgres.js', import.meta.url).href
)) as typeof import('../../src/database/embedded-postgres.js');

/** A PostgreSQL cluster for one benchmark, with the durability that ships, and a database and a role for each server. */
export class Cluster {
  /** Process id of its postmaster. */
  readonly pid: number;
  /** Connection of the administrator; its statements do not count as work of a server. */
  readonly admin: pg.Client;
  private readonly url: string;
  private readonly close: () => Promise<void>;

  private constructor(url: string, pid: number, admin: pg.Client, close: () => Promise<void>) {
    this.url = url;
    this.pid = pid;
    this.admin = admin;
    this.close = close;
  }

  static async start(flags: Record<string, string> = {}): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-bench-'));
    const server = await EmbeddedPostgres.start(folder, flags);
    const pid = Number((await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    return new Cluster(server.url, pid, admin, async () => {
      await admin.end();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    });
  }

  /** Creates an empty database. */
  async createDatabase(name: string): Promise<void> {
    await this.admin.query(`CREATE DATABASE ${name}`);
  }

  /** Creates a role for one server, so that its connections and statements can be identified. */
  async createRole(name: string): Promise<void> {
    await this.admin.query(`CREATE ROLE ${name} SUPERUSER LOGIN PASSWORD '${name}'`);
  }

  /** Runs a query in one of the databases, as the administrator. */
  async query<Row extends pg.QueryResultRow>(
    database: string,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    const client = new pg.Client({ connectionString: this.urlOf(database) });
    await client.connect();
    try {
      return await client.query<Row>(text, values);
    } finally {
      await client.end();
    }
  }

  /** Returns the connection string of a database, for the administrator or for a role. */
  urlOf(database: string, role?: string): string {
    const url = new URL(this.url);
    url.pathname = `/${database}`;
    if (role !== undefined) Object.assign(url, { username: role, password: role });
    return url.href;
  }

  async stop(): Promise<void> {
    await this.close();
  }
}
