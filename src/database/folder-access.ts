import { access, chmod, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

const NOBODY = { uid: 65_534, gid: 65_534 };

/** The user that PostgreSQL runs as; undefined when that is the user of this process. */
export type OtherUser = typeof NOBODY | undefined;

/** PostgreSQL refuses to run as root, so a server of root runs it as user nobody. */
export const postgresUser = (): OtherUser => (process.getuid?.() === 0 ? NOBODY : undefined);

/**
 * Makes the folder if it is missing. The other user can enter it, and the parents that are made now, whatever the umask
 * is.
 */
export async function makeFolder(folder: string, user: OtherUser): Promise<void> {
  const first = (await mkdir(folder, { recursive: true })) ?? folder;
  if (!user) return;
  for (let made = folder; ; made = dirname(made)) {
    await chmod(made, (await stat(made)).mode | 0o011);
    if (made === first || made === dirname(made)) return;
  }
}

/** Finds the first folder, from `path` up to the root, that user nobody may not enter. */
export async function findClosedFolder(path: string): Promise<string | undefined> {
  let folder = path;
  while (!(await exists(folder))) folder = dirname(folder);
  for (; ; folder = dirname(folder)) {
    const found = await stat(folder);
    const bit = found.uid === NOBODY.uid ? 0o100 : found.gid === NOBODY.gid ? 0o010 : 0o001;
    if (found.isDirectory() && (found.mode & bit) === 0) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** Whether the path exists and this process may reach it. */
export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
