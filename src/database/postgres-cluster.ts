import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import type { OtherUser } from './folder-access.js';
import type { PostgresLocation } from './postgres-location.js';
import { TEMPORARY_SUFFIX } from './secret-file.js';
import { SECRETS_KEY_FILE } from './secrets-key-file.js';

const MAJOR_VERSION = '18';
/** Prefix of the folder in which a cluster is made. */
const NEW_CLUSTER = 'postgres.new-';
const TEMPORARY_PREFIXES = [
  NEW_CLUSTER,
  ...['postgres-password', SECRETS_KEY_FILE].map((name) => name + TEMPORARY_SUFFIX),
];

/** The environment of PostgreSQL's programs. */
export const POSTGRES_ENVIRONMENT: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' };

/**
 * Makes the cluster if it is missing, in a temporary folder that is then renamed. A kill therefore leaves no incomplete
 * cluster, and of several processes that start for the first time, one makes the cluster and the others use it.
 * @param isDurable whether to wait until the files are on the disk
 * @throws EmbeddedPostgresError
 */
export async function createCluster(
  cluster: string,
  password: string,
  { binaries, user }: PostgresLocation,
  { isDurable }: { isDurable: boolean },
): Promise<void> {
  const version = await versionOf(cluster);
  if (version === MAJOR_VERSION) return;
  if (version) {
    throw new EmbeddedPostgresError(
      `${cluster} was made by PostgreSQL ${version}, but this is PostgreSQL ${MAJOR_VERSION}. Migrate the data with pg_dump, or set DATA_DIR to another folder`,
    );
  }
  const folder = dirname(cluster);
  const temporary = await mkdtemp(join(folder, NEW_CLUSTER));
  const passwordFile = `${temporary}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  await chmod(temporary, 0o700);
  const args = [
    '-D',
    temporary,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '-E',
    'UTF8',
    '--locale=C',
    ...(isDurable ? [] : ['--no-sync']),
  ];
  let failure: string;
  try {
    if (user) for (const path of [temporary, passwordFile]) await chown(path, user.uid, user.gid);
    await run(binaries.initdb, args, user);
    await rename(temporary, cluster);
    return;
  } catch (error) {
    failure = (error as Error).message;
    if (/could not look up effective user/.test(failure))
      failure +=
        '. PostgreSQL runs only as a user that exists on this machine. Start as such a user, or set DATABASE_URL';
    // A container may forbid this process to start programs as another user.
    if (user && ['EPERM', 'EINVAL'].includes(String((error as NodeJS.ErrnoException).code)))
      failure += '. PostgreSQL does not run as root. Start as another user, or set DATABASE_URL';
  } finally {
    await rm(passwordFile, { force: true });
  }
  await removeFolder(temporary);
  // The rename fails when another process has made the cluster in the meantime.
  if ((await versionOf(cluster)) !== MAJOR_VERSION)
    throw new EmbeddedPostgresError(`no database could be made in ${folder}: ${failure}`);
}

/**
 * Removes the temporary files of first starts that were killed. Only the process that has claimed the folder calls this. A
 * process that loses its temporary cluster to this then uses the existing cluster.
 */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (TEMPORARY_PREFIXES.some((prefix) => name.startsWith(prefix))) await removeFolder(join(folder, name));
  }
}

async function run(file: string, args: string[], user: OtherUser): Promise<void> {
  const child = spawn(file, args, {
    ...user,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: POSTGRES_ENVIRONMENT,
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${basename(file)}: ${errors.trim() || `exit code ${code}`}`);
}

async function versionOf(cluster: string): Promise<string> {
  return (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
}

/** Other processes may be writing to the folder or removing it too. The next start removes what remains. */
async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }).catch(() => undefined);
}
