import type { PoolClient } from 'pg';
import type { Database } from '../database/database.js';
import { CipherError, type SecretCipher } from './secret-cipher.js';

/** A table with encrypted values, in the columns `key_id` and `sealed`. */
interface SealedTable {
  readonly table: string;
  /** Columns that identify a row. */
  readonly key: readonly string[];
  /** Columns that are the context of the value, in their order. */
  readonly context: readonly string[];
}

/** All tables with encrypted values. */
const TABLES: readonly SealedTable[] = [
  { table: 'secret_versions', key: ['id'], context: ['project_id', 'name', 'id'] },
  { table: 'webhook_secrets', key: ['id'], context: ['webhook_id', 'id'] },
];

const BATCH = 200;

/** What a rotation has done. */
export interface RotationResult {
  /** The id of the key that encrypts all values now. */
  readonly keyId: string;
  readonly reencrypted: number;
  /** Values that another process had encrypted by this key before. */
  readonly unchanged: number;
  /** Values that cannot be decrypted. They stay as they are. */
  readonly failed: readonly FailedValues[];
}

/** Values that cannot be decrypted for the same reason. */
interface FailedValues {
  /** The id of the key that has encrypted them. */
  readonly keyId: string;
  readonly count: number;
  /** Why, as a sentence without its end. */
  readonly reason: string;
}

/**
 * Encrypts all stored values by the first key. It works in batches of one transaction each, so it may be interrupted and
 * called again, and servers may run meanwhile.
 * @returns also what cannot be decrypted, such as values of a key that SECRETS_KEY has not
 * @throws CipherError if SECRETS_KEY is not set
 */
export async function rotateSecrets(database: Database, cipher: SecretCipher): Promise<RotationResult> {
  const keyId = cipher.seal('', []).keyId;
  let reencrypted = 0;
  let unchanged = 0;
  const failed = new Map<string, { keyId: string; count: number; reason: string }>();
  const onFailure = (of: string, { message }: CipherError) => {
    const same = failed.get(message) ?? { keyId: of, count: 0, reason: message };
    same.count += 1;
    failed.set(message, same);
  };
  for (const each of TABLES) {
    const { rows } = await database.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM cloutagent.${each.table} WHERE key_id = $1`,
      [keyId],
    );
    unchanged += rows[0]!.count;
    let after: string[] | undefined;
    do {
      const batch = await database.transaction((client) =>
        rotateBatch(client, each, { cipher, keyId, after, onFailure }),
      );
      reencrypted += batch.reencrypted;
      after = batch.last;
    } while (after);
  }
  return { keyId, reencrypted, unchanged, failed: [...failed.values()] };
}

interface Batch {
  readonly cipher: SecretCipher;
  readonly keyId: string;
  /** The key of the last row of the batch before. */
  readonly after: readonly string[] | undefined;
  readonly onFailure: (keyId: string, error: CipherError) => void;
}

/** @returns how many values were encrypted, and the key of the last row; no key when none is left */
async function rotateBatch(
  client: PoolClient,
  { table, key, context }: SealedTable,
  { cipher, keyId, after, onFailure }: Batch,
): Promise<{ reencrypted: number; last: string[] | undefined }> {
  const columns = [...new Set([...key, ...context])].map((column) => `${column}::text AS ${column}`);
  const { rows } = await client.query<Record<string, string> & { key_id: string; sealed: Buffer }>(
    `SELECT ${columns.join(', ')}, key_id, sealed FROM cloutagent.${table}
     WHERE key_id <> $1 ${after ? `AND (${key.join(', ')}) > (${after.map((_value, index) => `$${index + 2}`).join(', ')})` : ''}
     ORDER BY ${key.join(', ')} LIMIT ${BATCH} FOR UPDATE`,
    [keyId, ...(after ?? [])],
  );
  const where = key.map((column, index) => `${column} = $${index + 3}`).join(' AND ');
  let reencrypted = 0;
  for (const row of rows) {
    const of = context.map((column) => row[column]!);
    let value: string;
    try {
      value = cipher.open({ keyId: row.key_id, sealed: row.sealed }, of);
    } catch (error) {
      if (!(error instanceof CipherError)) throw error;
      onFailure(row.key_id, error);
      continue;
    }
    const { sealed } = cipher.seal(value, of);
    reencrypted += 1;
    await client.query(`UPDATE cloutagent.${table} SET key_id = $1, sealed = $2 WHERE ${where}`, [
      keyId,
      sealed,
      ...key.map((column) => row[column]),
    ]);
  }
  const last = rows.at(-1);
  return { reencrypted, last: last && key.map((column) => last[column]!) };
}
