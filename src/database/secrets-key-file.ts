import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { SecretKeysSetting } from '../config/secret-keys-setting.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { readOrCreateSecret } from './secret-file.js';

/** The file of a data folder that takes the place of SECRETS_KEY. */
export const SECRETS_KEY_FILE = 'secrets.key';

/**
 * Reads the keys for secrets from the file of a data folder, and makes a key if the file is missing. The file has the
 * form of SECRETS_KEY, so that an operator can add keys.
 * @throws EmbeddedPostgresError
 */
export async function secretsKeyOf(folder: string): Promise<string> {
  const path = join(folder, SECRETS_KEY_FILE);
  // A random id, so that a key that was lost is not taken for this one.
  const make = () => `key-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('base64')}`;
  const keys = SecretKeysSetting.safeParse((await readOrCreateSecret(path, make)).trim());
  if (keys.success) return keys.data;
  throw new EmbeddedPostgresError(`the file ${path} ${keys.error.issues[0]!.message}`);
}
