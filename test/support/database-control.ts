import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const PASSWORD = 'role-of-a-test';
/** The connections that hold the advisory lock of a server process. */
export const LOCK_CONNECTIONS = ['cloutagent-listener', 'cloutagent-presence'] as const;
export type LockConnection = (typeof LOCK_CONNECTIONS)[number];

/** Manipulates the database of running servers over connections of its own. */
export class DatabaseControl {
  private constructor(
    private readonly url: string,
    private readonly client: pg.Client,
  ) {}

  static async open(url: string): Promise<DatabaseControl> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return new DatabaseControl(url, client);
  }

  /** Runs one statement and returns its rows. */
  async rows<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(sql, [...values])).rows;
  }

  /** Creates a role for one server process, so that its connections can be recognised. Returns the role's database URL. */
  async addRole(name: string): Promise<string> {
    const role = this.roleOf(name);
    await this.client.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${PASSWORD}'`);
    return Object.assign(new URL(this.url), { username: role, password: PASSWORD }).href;
  }

  /**
   * Cuts the connections of a process that have these application names. Its other connections stay.
   * It can open no new connections until the returned function is called.
   */
  async cut(name: string, connections: readonly LockConnection[]): Promise<() => Promise<void>> {
    const role = this.roleOf(name);
    await this.client.query(`ALTER ROLE ${role} NOLOGIN`);
    await this.client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND application_name = ANY ($2)`,
      [role, connections],
    );
    return async () => {
      await this.client.query(`ALTER ROLE ${role} LOGIN`);
    };
  }

  /** Whether a statement of the process waits for a lock on the table. With `sql`: one that contains this text. */
  async waitsFor(name: string, table: string, sql = ''): Promise<boolean> {
    const waiting = await this.rows(
      `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE usename = $1 AND relation = $2::regclass AND NOT granted AND position($3 IN query) > 0`,
      [this.roleOf(name), table, sql],
    );
    return waiting.length > 0;
  }

  /**
   * Stops (SIGSTOP) those PostgreSQL backends of a process that wait for a lock on the table, so that others get the
   * lock first. The returned function resumes them.
   */
  async stopWaiting(name: string, table: string): Promise<() => void> {
    const waiting = await this.rows<{ pid: number }>(
      `SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE usename = $1 AND relation = $2::regclass AND NOT granted`,
      [this.roleOf(name), table],
    );
    for (const { pid } of waiting) process.kill(pid, 'SIGSTOP');
    return () => {
      for (const { pid } of waiting) process.kill(pid, 'SIGCONT');
    };
  }

  /** Whether no connection of the process is running a statement. */
  async isIdle(name: string): Promise<boolean> {
    const active = await this.rows(`SELECT FROM pg_stat_activity WHERE usename = $1 AND state <> 'idle'`, [
      this.roleOf(name),
    ]);
    return active.length === 0;
  }

  /** Locks a table until the returned function is called. The mode SHARE blocks writes and permits reads. */
  async lock(table: string, mode = 'SHARE'): Promise<() => Promise<void>> {
    const holder = new pg.Client({ connectionString: this.url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(`LOCK TABLE ${table} IN ${mode} MODE`);
    return () => holder.end();
  }

  /** Polls until `condition` holds. Returns false when the time is up first. */
  async until(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (await condition()) return true;
      if (Date.now() > deadline) return false;
      await sleep(20);
    }
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  private roleOf(name: string): string {
    return `${new URL(this.url).pathname.slice(1)}_${name}`;
  }
}
