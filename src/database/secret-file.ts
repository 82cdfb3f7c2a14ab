import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';

/** What follows the name of a secret's file in the name of its temporary file. */
export const TEMPORARY_SUFFIX = '.new-';

/**
 * Reads a secret from a file that only this user may read. If the file is missing or empty, makes the secret: when several
 * processes start at once, they all use the same one.
 * @throws EmbeddedPostgresError if the file cannot be made
 */
export async function readOrCreateSecret(path: string, make: () => string): Promise<string> {
  const secret = await readFile(path, 'utf8').catch(() => '');
  if (secret) return secret;
  const temporary = `${path}${TEMPORARY_SUFFIX}${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(temporary, make(), { mode: 0o600 });
    // A link makes the file appear with its whole content, and never replaces the file of another process.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new EmbeddedPostgresError(`${path} cannot be made: ${(error as Error).message}`, {
        cause: error,
      });
  } finally {
    await rm(temporary, { force: true });
  }
  return readFile(path, 'utf8');
}
