import type { ApiKey } from '@cloutagent/contract';
import type { Selectable } from 'kysely';
import { randomBytes } from 'node:crypto';
import { sha256 } from '../common/sha256.js';
import { v7 as uuidv7 } from '../common/uuid.js';
import type { ApiKeysTable } from '../database/schema.js';

export type ApiKeyRow = Selectable<ApiKeysTable>;

/** Makes a key of 256 random bits. */
export const generateKey = (): string => `ca_${randomBytes(32).toString('base64url')}`;

/** Returns the columns that identify a key, and never the key itself. */
export const keyColumns = (key: string) => ({ id: uuidv7(), hash: sha256(key), prefix: key.slice(0, 10) });

/**
 * Whether this is a key of an administrator, which the server itself made: the first key, or BOOTSTRAP_API_KEY. It has every
 * scope, also those that modules declare later, because otherwise no key could grant those.
 */
export const isAdministrator = (row: Pick<ApiKeyRow, 'created_by'>): boolean => row.created_by === null;

/** Returns a key as the API shows it. */
export function toApiKey(row: ApiKeyRow, scopes: ApiKey['scopes'] = row.scopes): ApiKey {
  const iso = (date: Date | null) => date?.toISOString() ?? null;
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    projects: row.projects,
    scopes,
    ...(row.workflows && { workflows: row.workflows }),
    createdAt: row.created_at.toISOString(),
    expiresAt: iso(row.expires_at),
    revokedAt: iso(row.revoked_at),
    lastUsedAt: iso(row.last_used_at),
  };
}
