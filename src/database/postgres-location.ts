import { lstat, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { sha256 } from '../common/sha256.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { exists, findClosedFolder, makeFolder, type OtherUser, postgresUser } from './folder-access.js';
import { type Binaries, copyBinaries, installedBinaries, isUsablePath } from './postgres-binaries.js';

/** The default data folder, relative to the working directory. */
const IN_CHECKOUT = '.data';
/** The folder for the files of all servers that run as root. */
const ROOT_HOME = '/var/lib/cloutagent';

/** The files that the embedded PostgreSQL uses, and the user it runs as. */
export interface PostgresLocation {
  binaries: Binaries;
  /** The data folder. It exists and is writable. */
  folder: string;
  user: OtherUser;
  /** Messages for the operator about files that are not in their usual location. */
  notices: string[];
}

/**
 * Chooses the data folder and the binaries of the embedded PostgreSQL. A server of root runs it as user nobody, who may
 * be unable to enter a checkout below a folder such as /root. The binaries are then copied to a folder that this user can
 * enter.
 * @param dataDir the data folder, which is made if it is missing. By default it is `.data` in the working directory, or a
 *   folder of the user's own if `.data` cannot be used
 * @throws EmbeddedPostgresError
 */
export async function locatePostgres(dataDir: string | undefined): Promise<PostgresLocation> {
  const user = postgresUser();
  const notices: string[] = [];
  const inCheckout = await realPath(resolve(IN_CHECKOUT));
  const folder =
    dataDir === undefined ? await chooseFolder(inCheckout, user) : await realPath(resolve(dataDir));
  const problem = await prepare(folder, user);
  if (problem !== undefined)
    throw new EmbeddedPostgresError(
      `the data folder ${folder} ${problem}. Make it usable, or set DATA_DIR to another folder`,
    );
  if (dataDir === undefined && folder !== inCheckout)
    notices.push(`The data is in ${folder}, because ${inCheckout} cannot be used`);
  const installed = await installedBinaries();
  const programs = dirname(installed.postgres);
  const closed = user && (await findClosedFolder(programs));
  const isUsable = isUsablePath(programs);
  if (closed === undefined && isUsable) return { binaries: installed, folder, user, notices };
  const binaries = await copyBinaries(installed, [homeOf(user), folder], user);
  const reason =
    closed === undefined
      ? `it cannot run from a folder with the name ${programs}`
      : `user nobody may not enter ${closed}`;
  notices.push(`PostgreSQL runs from ${dirname(binaries.postgres)}, because ${reason}`);
  return { binaries, folder, user, notices };
}

/** Prefers a folder that has data, even if it cannot be used now. Otherwise it returns the first usable folder. */
async function chooseFolder(inCheckout: string, user: OtherUser): Promise<string> {
  // The hash gives each checkout a folder of its own.
  const hash = sha256(resolve(IN_CHECKOUT)).toString('hex').slice(0, 8);
  const name = basename(process.cwd()).replaceAll(/[^\p{L}\p{N}._' -]/gu, '_');
  const inHome = join(homeOf(user), `${name}-${hash}`);
  for (const folder of [inCheckout, inHome]) if (await mayHaveData(folder)) return folder;
  if ((await prepare(inCheckout, user)) === undefined) return inCheckout;
  // If neither folder can be used, the error names the folder that users know.
  return (await prepare(inHome, user)) === undefined ? inHome : inCheckout;
}

/** Whether the folder may have data. This includes a disk that is not mounted and a folder that cannot be read. */
async function mayHaveData(folder: string): Promise<boolean> {
  const isAbsent = (path: string): Promise<boolean> =>
    lstat(path).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
    );
  if (await isAbsent(folder)) return false;
  const isDanglingLink = (await lstat(folder)).isSymbolicLink() && !(await exists(folder));
  return isDanglingLink || !(await isAbsent(join(folder, 'postgres')));
}

/** Returns the folder for the files of all servers that run as this user. */
function homeOf(user: OtherUser): string {
  if (user) return ROOT_HOME;
  try {
    return join(homedir(), '.local/share/cloutagent');
  } catch {
    // A user without an entry in the user database has no home folder, unless HOME is set.
    return '/';
  }
}

/**
 * Makes the folder, and lets the other user enter it.
 * @returns why the folder cannot be used, or undefined
 */
async function prepare(folder: string, user: OtherUser): Promise<string | undefined> {
  const closed = user && (await findClosedFolder(dirname(folder)));
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

/** Resolves symbolic links in the part of the path that exists. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(async () => join(await realPath(dirname(path)), basename(path)));
}
