import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { type ApiKey, SCOPES } from '@cloutagent/contract';
import { sql } from 'kysely';
import { Subject } from 'rxjs';
import { sha256 } from '../common/sha256.js';
import { isUuid } from '../common/uuid.js';
import { isVisibleAscii } from '../common/visible-ascii.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { SCHEMA } from '../database/migrations.js';
import { Logger } from '../logging/logger.js';
import { NotFoundError } from '../problems/problem.error.js';
import { type ApiKeyRow, generateKey, isAdministrator, keyColumns, toApiKey } from './api-key.js';
import { ownsProject, principalIdOf, type Principal } from './principal.js';
import { ScopeRegistry } from './scopes/scope-registry.js';

const KEYS_CHANNEL = 'cloutagent_keys';
/** Bounds of BOOTSTRAP_API_KEY's length. Generated keys have 46 characters. */
const [MIN_LENGTH, MAX_LENGTH] = [32, 512];
const MAX_CACHED_KEYS = 10_000;
const MAX_LISTED_KEYS = 1_000;
const CACHE_TTL_MS = 5_000;
/** The time of a key's last use is stored at most this often. */
const USE_RECORD_INTERVAL_MS = 60_000;
const FIRST_KEY_LOCK = 0x6b657973;

/**
 * Revokes and verifies API keys, and makes the first one. A key has 256 random bits and is stored as its SHA-256. A slow hash is not needed
 * for that many random bits.
 */
@Injectable()
export class ApiKeysService implements OnModuleInit {
  private readonly logger = new Logger(ApiKeysService.name);
  /** Recently used keys, by the base64 of their hash. */
  private readonly cache = new Map<string, { row: ApiKeyRow; expiresAt: number }>();
  private readonly useRecordedAt = new Map<string, number>();
  /** Number of revocations. A row that was read before a revocation is not cached after it. */
  private revocations = 0;
  /** Emits the ids of keys when they are revoked, in this or another process. */
  readonly revoked = new Subject<string>();

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly scopes: ScopeRegistry,
    @Inject(Settings) private readonly settings: Pick<Settings, 'BOOTSTRAP_API_KEY'>,
  ) {}

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(KEYS_CHANNEL)).subscribe((id) => this.onRevoked(id));
    // Notifications of revocations may have been lost.
    this.listener.reconnected.subscribe(() => this.clearCache());
    if (this.settings.BOOTSTRAP_API_KEY) await this.ensureBootstrapKey(this.settings.BOOTSTRAP_API_KEY);
  }

  /** Makes the first administrator key if no key exists. Of several processes that start at once, one makes it. */
  async createFirstKey(): Promise<string | undefined> {
    return this.database.transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [FIRST_KEY_LOCK]);
      const { rows } = await client.query(`SELECT FROM ${SCHEMA}.api_keys LIMIT 1`);
      if (rows.length > 0) return undefined;
      const key = generateKey();
      const { id, hash, prefix, name, projects, scopes } = administratorKey('first administrator key', key);
      await client.query(
        `INSERT INTO ${SCHEMA}.api_keys (id, hash, prefix, name, projects, scopes) VALUES ($1, $2, $3, $4, $5, $6)`,
        [id, hash, prefix, name, projects, scopes],
      );
      return key;
    });
  }

  /** Lists the keys whose projects the caller has access to, newest first, at most 1,000. */
  async list(by: Principal): Promise<ApiKey[]> {
    const rows = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .$if(!by.projects.includes('*'), (query) =>
        query.where(sql<boolean>`projects <@ ${[...by.projects]}::text[]`),
      )
      .orderBy('created_at', 'desc')
      .limit(MAX_LISTED_KEYS)
      .execute();
    return rows.map((row) => this.show(row));
  }

  /** @throws NotFoundError when no such key exists within the caller's projects */
  async get(id: string, by: Principal): Promise<ApiKey> {
    return this.show(await this.find(id, by));
  }

  /**
   * Revokes a key. Revoking it again does nothing.
   * @throws NotFoundError when no such key exists within the caller's projects
   */
  async revoke(id: string, by: Principal): Promise<void> {
    await this.find(id, by);
    // In one statement, so that other processes are notified exactly when the revocation is committed.
    await this.database.pool.query(
      `WITH revoked AS (
         UPDATE ${SCHEMA}.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $2 RETURNING id
       )
       SELECT pg_notify($1, id::text) FROM revoked`,
      [KEYS_CHANNEL, id],
    );
    this.onRevoked(id);
  }

  /** @returns the principal of a valid key, or undefined */
  async authenticate(key: string): Promise<Principal | undefined> {
    if (key.length < MIN_LENGTH || key.length > MAX_LENGTH || !isVisibleAscii(key)) return undefined;
    const hash = sha256(key);
    const cacheKey = hash.toString('base64');
    const cached = this.cache.get(cacheKey);
    const row = cached && cached.expiresAt > performance.now() ? cached.row : await this.load(hash, cacheKey);
    if (!row || !isValid(row)) return undefined;
    this.recordUse(row.id);
    return {
      id: principalIdOf(row.id),
      name: row.name,
      projects: row.projects,
      scopes: this.scopesOf(row),
      expiresAt: row.expires_at?.getTime() ?? null,
      ...(row.workflows && { workflows: row.workflows }),
    };
  }

  /** @returns those of the ids whose key is revoked or does not exist */
  async revokedAmong(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.kysely
      .selectFrom('api_keys')
      .select('id')
      .where(sql<boolean>`id = ANY(${ids.filter(isUuid)}::uuid[])`)
      .where('revoked_at', 'is', null)
      .execute();
    const valid = new Set(rows.map(({ id }) => id));
    return ids.filter((id) => !valid.has(id));
  }

  private show(row: ApiKeyRow): ApiKey {
    return toApiKey(row, this.scopesOf(row));
  }

  private scopesOf(row: ApiKeyRow): ApiKey['scopes'] {
    return isAdministrator(row) ? this.scopes.all().map(({ name }) => name) : row.scopes;
  }

  private async find(id: string, by: Principal): Promise<ApiKeyRow> {
    if (!isUuid(id)) throw new NotFoundError('key');
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!row || !row.projects.every((project) => ownsProject(by, project))) throw new NotFoundError('key');
    return row;
  }

  private async load(hash: Buffer, cacheKey: string): Promise<ApiKeyRow | undefined> {
    const { revocations } = this;
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .where('hash', '=', hash)
      .executeTakeFirst();
    if (!row || revocations !== this.revocations) return row;
    if (this.cache.size >= MAX_CACHED_KEYS) this.cache.clear();
    this.cache.set(cacheKey, { row, expiresAt: performance.now() + CACHE_TTL_MS });
    return row;
  }

  private clearCache(): void {
    this.revocations += 1;
    this.cache.clear();
  }

  private onRevoked(id: string): void {
    this.revocations += 1;
    for (const [cacheKey, { row }] of this.cache) if (row.id === id) this.cache.delete(cacheKey);
    this.revoked.next(id);
  }

  private recordUse(id: string): void {
    const now = performance.now();
    if (now - (this.useRecordedAt.get(id) ?? -Infinity) < USE_RECORD_INTERVAL_MS) return;
    if (this.useRecordedAt.size >= MAX_CACHED_KEYS) this.useRecordedAt.clear();
    this.useRecordedAt.set(id, now);
    this.database.kysely
      .updateTable('api_keys')
      .set({ last_used_at: new Date() })
      .where('id', '=', id)
      .execute()
      .catch((error: Error) =>
        this.logger.warn(`the last use of a key could not be stored: ${error.message}`),
      );
  }

  private async ensureBootstrapKey(key: string): Promise<void> {
    const administrator = administratorKey('bootstrap', key);
    await this.database.kysely
      .insertInto('api_keys')
      .values(administrator)
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .select('revoked_at')
      .where('hash', '=', sha256(key))
      .executeTakeFirst();
    if (row?.revoked_at) this.logger.warn('BOOTSTRAP_API_KEY is a key that was revoked. It stays revoked');
  }
}

const administratorKey = (name: string, key: string) => ({
  ...keyColumns(key),
  name,
  projects: ['*'],
  scopes: [...SCOPES],
  created_by: null,
});
const isValid = (row: ApiKeyRow): boolean =>
  row.revoked_at === null && (row.expires_at === null || row.expires_at.getTime() > Date.now());
