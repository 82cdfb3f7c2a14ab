import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { EmbeddedPostgres } from '../database/embedded-postgres.js';

/** An empty database of a test server. */
export interface TestDatabase {
  readonly url: string;
  /** Deletes the database. The last one stops its cluster. */
  drop(): Promise<void>;
}

/** Nothing in a test's database outlives the test, so it need not outlive a power cut either. */
const FLAGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * Waits until its input ends, which it does with this process, however that ends. Then it stops the cluster in the folder,
 * if it still runs, and deletes the folder.
 */
const CLEAN_UP = `
  trap '' INT TERM HUP
  read -r _
  pid=$(head -n 1 "$1/postgres/postmaster.pid" 2>/dev/null)
  [ -n "$pid" ] && kill -INT "$pid" 2>/dev/null
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && sleep 1
  done
  rm -rf "$1"`;

/** The embedded PostgreSQL of the test servers of this process, in a temporary folder. */
export class TestCluster {
  private static current: Promise<TestCluster> | undefined;
  /** Databases that exist or are being made. */
  private static users = 0;

  private constructor(
    private readonly postgres: EmbeddedPostgres,
    private readonly release: () => Promise<void>,
  ) {}

  /** Creates a database. Starts the cluster if none runs. */
  static async createDatabase(): Promise<TestDatabase> {
    this.users += 1;
    try {
      const cluster = await (this.current ??= this.start());
      const name = `test_${randomBytes(6).toString('hex')}`;
      await cluster.query(`CREATE DATABASE ${name}`);
      return {
        url: Object.assign(new URL(cluster.postgres.url), { pathname: `/${name}` }).href,
        drop: async () => {
          try {
            // PostgreSQL waits up to 5 s for connections that are about to end. Only then are those cut off that a module
            // has left open.
            const drop = `DROP DATABASE ${name}`;
            await cluster.query(drop).catch(() => cluster.query(`${drop} WITH (FORCE)`));
          } finally {
            await this.leave();
          }
        },
      };
    } catch (error) {
      await this.leave();
      throw error;
    }
  }

  private static async leave(): Promise<void> {
    this.users -= 1;
    if (this.users > 0) return;
    const { current } = this;
    this.current = undefined;
    // A cluster that did not start has cleaned up behind itself.
    await current?.then(
      (cluster) => cluster.stop(),
      () => undefined,
    );
  }

  private static async start(): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-test-'));
    const release = cleanUpAfterwards(folder);
    try {
      const { EmbeddedPostgres: Postgres } = await import('../database/embedded-postgres.js');
      return new TestCluster(await Postgres.start(folder, FLAGS), release);
    } catch (error) {
      await release();
      throw error;
    }
  }

  private async query(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.postgres.url });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  private async stop(): Promise<void> {
    await this.postgres.stop();
    await this.release();
  }
}

/**
 * Starts the process that cleans up.
 * @returns a function that lets it clean up now, and resolves when the folder is gone
 */
function cleanUpAfterwards(folder: string): () => Promise<void> {
  if (process.platform === 'win32') return () => rm(folder, { recursive: true, force: true });
  const child = spawn('/bin/sh', ['-c', CLEAN_UP, 'sh', folder], {
    // A session of its own: Ctrl-C in the terminal must not end it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => undefined);
  child.unref();
  // The pipe is a socket of this process and would keep it running.
  (child.stdin as unknown as { unref(): void }).unref();
  return async () => {
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.ref();
    child.stdin.end();
    await ended;
  };
}
