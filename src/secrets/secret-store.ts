import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { PutSecret, Secret } from '@cloutagent/contract';
import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Logger } from '../logging/logger.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import type { SecretVersions, UsedSecret } from './execution-redactors.js';
import { CipherError, SecretCipher } from './secret-cipher.js';
import { lockValues } from './value-lock.js';

/** The value in force of a secret, with the hosts that it may be sent to; null: any. */
export interface FoundSecret extends UsedSecret {
  readonly allowedHosts: readonly string[] | null;
}

interface SealedRow {
  id: string;
  project_id: string;
  name: string;
  key_id: string;
  sealed: Buffer;
}

const SECRET = `
  project_id AS "projectId", name, allowed_hosts AS "allowedHosts", created_at AS "createdAt",
  updated_at AS "updatedAt", updated_by AS "updatedBy"`;

/** Parts of a row as the API shows them. */
type SecretRow = Omit<Secret, 'createdAt' | 'updatedAt'> & { createdAt: Date; updatedAt: Date };

/** The secrets of all projects. Values are encrypted, and only executions get them. */
@Injectable()
export class SecretStore implements OnApplicationBootstrap, SecretVersions {
  private readonly logger = new Logger(SecretStore.name);

  constructor(
    private readonly database: Database,
    private readonly cipher: SecretCipher,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_SECRETS_PER_PROJECT'>,
  ) {}

  /** Warns if stored values cannot be decrypted. */
  async onApplicationBootstrap(): Promise<void> {
    const { rows } = await this.database.pool.query<{ key_id: string; count: number }>(
      'SELECT key_id, count(*)::int AS count FROM cloutagent.secret_versions WHERE key_id <> ALL ($1) GROUP BY key_id',
      [this.cipher.keyIds],
    );
    for (const { key_id, count } of rows)
      this.logger.warn(
        `${count} values of secrets cannot be decrypted, because SECRETS_KEY has no key with the id ${key_id}. Add that key, or set these secrets again.`,
      );
  }

  /**
   * Sets a secret. Executions that have used its last value still redact that value.
   * @throws ProblemError 503 `secrets_unavailable`, 409 `too_many_values`
   */
  async set(
    projectId: string,
    name: string,
    { value, allowedHosts }: PutSecret,
    by: string,
  ): Promise<Secret> {
    this.assertAvailable();
    const id = randomUUID();
    const { keyId, sealed } = this.cipher.seal(value, [projectId, name, id]);
    return this.database.transaction(async (client) => {
      await lockValues(client, 'secrets', projectId, name, this.settings.MAX_SECRETS_PER_PROJECT);
      await replace(client, projectId, name);
      await client.query(
        'INSERT INTO cloutagent.secret_versions (id, project_id, name, key_id, sealed) VALUES ($1, $2, $3, $4, $5)',
        [id, projectId, name, keyId, sealed],
      );
      const { rows } = await client.query<SecretRow>(
        `INSERT INTO cloutagent.secrets (project_id, name, allowed_hosts, version_id, updated_by)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (project_id, name) DO UPDATE SET allowed_hosts = excluded.allowed_hosts,
           version_id = excluded.version_id, updated_at = now(), updated_by = excluded.updated_by
         RETURNING ${SECRET}`,
        [projectId, name, allowedHosts ?? null, id, by],
      );
      return toSecret(rows[0]!);
    });
  }

  /** @throws ProblemError 503 `secrets_unavailable` */
  async list(projectId: string): Promise<Secret[]> {
    this.assertAvailable();
    const { rows } = await this.database.pool.query<SecretRow>(
      `SELECT ${SECRET} FROM cloutagent.secrets WHERE project_id = $1 ORDER BY name`,
      [projectId],
    );
    return rows.map(toSecret);
  }

  /** @throws NotFoundError; ProblemError 503 `secrets_unavailable` */
  async get(projectId: string, name: string): Promise<Secret> {
    this.assertAvailable();
    const { rows } = await this.database.pool.query<SecretRow>(
      `SELECT ${SECRET} FROM cloutagent.secrets WHERE project_id = $1 AND name = $2`,
      [projectId, name],
    );
    if (!rows[0]) throw new NotFoundError('secret');
    return toSecret(rows[0]);
  }

  /**
   * Deletes a secret. Its last value stays, encrypted, while executions that have used it exist.
   * @throws NotFoundError; ProblemError 503 `secrets_unavailable`
   */
  async delete(projectId: string, name: string): Promise<void> {
    this.assertAvailable();
    await this.database.transaction(async (client) => {
      await replace(client, projectId, name);
      const { rowCount } = await client.query(
        'DELETE FROM cloutagent.secrets WHERE project_id = $1 AND name = $2',
        [projectId, name],
      );
      if (rowCount === 0) throw new NotFoundError('secret');
    });
  }

  /** Returns those of the names that are secrets of the project. */
  async known(projectId: string, names: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.database.pool.query<{ name: string }>(
      'SELECT name FROM cloutagent.secrets WHERE project_id = $1 AND name = ANY ($2)',
      [projectId, names],
    );
    return new Set(rows.map(({ name }) => name));
  }

  /**
   * Reads the values in force of those of the names that exist.
   * @throws CipherError
   */
  async find(projectId: string, names: readonly string[]): Promise<FoundSecret[]> {
    const { rows } = await this.database.pool.query<SealedRow & { allowed_hosts: string[] | null }>({
      name: 'find-secrets',
      text: `
        SELECT v.id, v.project_id, v.name, v.key_id, v.sealed, s.allowed_hosts
        FROM cloutagent.secrets AS s JOIN cloutagent.secret_versions AS v ON v.id = s.version_id
        WHERE s.project_id = $1 AND s.name = ANY ($2)`,
      values: [projectId, names],
    });
    return rows.map((row) => ({ ...this.open(row), allowedHosts: row.allowed_hosts }));
  }

  /**
   * Reads values by the ids of their versions, also those that were replaced.
   * @returns those that exist, by id; a CipherError for each that cannot be decrypted, so that a lost key harms no other value
   */
  async readVersions(ids: readonly string[]): Promise<Map<string, UsedSecret | CipherError>> {
    if (ids.length === 0) return new Map();
    const { rows } = await this.database.pool.query<SealedRow>({
      name: 'secret-versions',
      text: 'SELECT id, project_id, name, key_id, sealed FROM cloutagent.secret_versions WHERE id = ANY ($1::uuid[])',
      values: [ids],
    });
    return new Map(rows.map((row) => [row.id, this.openOrFail(row)]));
  }

  private openOrFail(row: SealedRow): UsedSecret | CipherError {
    try {
      return this.open(row);
    } catch (error) {
      if (error instanceof CipherError) return error;
      throw error;
    }
  }

  private open({ id, project_id, name, key_id, sealed }: SealedRow): UsedSecret {
    const value = this.cipher.open({ keyId: key_id, sealed }, [project_id, name, id]);
    return { versionId: id, name, value };
  }

  private assertAvailable(): void {
    if (this.cipher.keyIds.length === 0) throw new ProblemError('secrets_unavailable');
  }
}

/** Notes that the value in force is replaced. */
const replace = (client: Pool | PoolClient, projectId: string, name: string) =>
  client.query(
    `UPDATE cloutagent.secret_versions AS v SET replaced_at = now() FROM cloutagent.secrets AS s
     WHERE s.project_id = $1 AND s.name = $2 AND v.id = s.version_id`,
    [projectId, name],
  );

const toSecret = ({ createdAt, updatedAt, ...row }: SecretRow): Secret => ({
  ...row,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
