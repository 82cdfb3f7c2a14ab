import type { PoolClient } from 'pg';
import type { Database } from '../database/database.js';
import type { SecretCipher } from './secret-cipher.js';

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
}

/**
 * Encrypts all stored values by the first key. It works in batches of one transaction each, so it may be interrupted and
 * called again, and servers may run meanwhile.
 * @throws CipherError if SECRETS_KEY is not set, or has not the key of a value: nothing of that batch is changed
 */
export async function rotateSecrets(database: Database, cipher: SecretCipher): Promise<RotationResult> {
  const keyId = cipher.seal('', []).keyId;
  let reencrypted = 0;
  let unchanged = 0;
  for (const each of TABLES) {
    const { rows } = await database.pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM cloutagent.${each.table} WHERE key_id = $1`,
      [keyId],
    );
    unchanged += rows[0]!.count;
    for (;;) {
      const count = await database.transaction((client) => rotateBatch(client, each, cipher, keyId));
      reencrypted += count;
      if (count === 0) break;
    }
  }
  return { keyId, reencrypted, unchanged };
}

/** @returns the number of values; 0 when none is left */
async function rotateBatch(
  client: PoolClient,
  { table, key, context }: SealedTable,
  cipher: SecretCipher,
  keyId: string,
): Promise<number> {
  const columns = [...new Set([...key, ...context])].map((column) => `${column}::text AS ${column}`);
  const { rows } = await client.query<Record<string, string> & { key_id: string; sealed: Buffer }>(
    `SELECT ${columns.join(', ')}, key_id, sealed FROM cloutagent.${table}
     WHERE key_id <> $1 ORDER BY ${key.join(', ')} LIMIT ${BATCH} FOR UPDATE`,
    [keyId],
  );
  const where = key.map((column, index) => `${column} = $${index + 3}`).join(' AND ');
  for (const row of rows) {
    const of = context.map((column) => row[column]!);
    const { sealed } = cipher.seal(cipher.open({ keyId: row.key_id, sealed: row.sealed }, of), of);
    await client.query(`UPDATE cloutagent.${table} SET key_id = $1, sealed = $2 WHERE ${where}`, [
      keyId,
      sealed,
      ...key.map((column) => row[column]),
    ]);
  }
  return rows.length;
}
