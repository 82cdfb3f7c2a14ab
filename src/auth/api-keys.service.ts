import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type ApiKey, type CreateApiKey, type CreatedApiKey, SCOPES } from '@cloutagent/contract';
import { type Selectable, sql } from 'kysely';
import { randomBytes } from 'node:crypto';
import { Subject } from 'rxjs';

import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { isUuid, v7 as uuidv7 } from '../common/uuid.js';
import { SCHEMA } from '../database/migrations.js';
import type { ApiKeysTable } from '../database/schema.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { ownsProject, principalIdOf, type Principal } from './principal.js';
import { sha256 } from './sha256.js';

const KEYS_CHANNEL = 'cloutagent_keys';
/** Ours have 46 characters; the administrator's may be any that BOOTSTRAP_API_KEY takes. */
const PLAUSIBLE = /^[\x21-\x7e]{32,512}$/;
const CACHED_KEYS = 10_000;
const MOST_LISTED = 1_000;
const CACHE_MS = 5_000;
const USE_RECORDED_EVERY_MS = 60_000;
const FIRST_KEY_LOCK = 0x6b657973;

type Row = Selectable<ApiKeysTable>;

/** API keys: 256 random bits, kept as SHA-256. */
@Injectable()
export class ApiKeysService implements OnModuleInit {
  private readonly logger = new Logger(ApiKeysService.name);
  private readonly cache = new Map<string, { row: Row; until: number }>();
  private readonly usedAt = new Map<string, number>();
  /** Grows with each revocation: a row read before one is not kept after it. */
  private revocations = 0;
  /** Ids of keys as they are revoked, here or in another process. */
  readonly revoked = new Subject<string>();

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    @Inject(Settings) private readonly settings: Pick<Settings, 'BOOTSTRAP_API_KEY'>,
  ) {}

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(KEYS_CHANNEL)).subscribe((id) => this.forget(id));
    // Some may have been missed.
    this.listener.reconnected.subscribe(() => this.forgetAll());
    if (this.settings.BOOTSTRAP_API_KEY) await this.ensureBootstrapKey(this.settings.BOOTSTRAP_API_KEY);
  }

  /** The first administrator key, if there is no key at all yet; one process of several makes it. */
  async createFirstKey(): Promise<string | undefined> {
    return this.database.transaction(async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [FIRST_KEY_LOCK]);
      const { rows } = await client.query(`SELECT FROM ${SCHEMA}.api_keys LIMIT 1`);
      if (rows.length > 0) return undefined;
      const key = generateKey();
      const { id, hash, prefix, name, projects, scopes } = administrator('first administrator key', key);
      await client.query(
        `INSERT INTO ${SCHEMA}.api_keys (id, hash, prefix, name, projects, scopes) VALUES ($1, $2, $3, $4, $5, $6)`,
        [id, hash, prefix, name, projects, scopes],
      );
      return key;
    });
  }

  /** @throws ProblemError 403 when the caller would give more than it has */
  async create(request: CreateApiKey, by: Principal): Promise<CreatedApiKey> {
    const foreign = request.projects.find((project) => !ownsProject(by, project));
    if (foreign !== undefined)
      throw new ProblemError(
        'not_your_project',
        `You cannot give a key for project ${foreign}: it is not yours.`,
      );
    const beyond = request.scopes.find((scope) => !by.scopes.includes(scope));
    if (beyond)
      throw new ProblemError(
        'insufficient_scope',
        `You cannot give the scope ${beyond}: you do not have it.`,
      );
    const expiresAt = request.expiresAt === undefined ? null : new Date(request.expiresAt);
    if (expiresAt && expiresAt.getTime() <= Date.now()) throw new ProblemError('expiry_in_the_past');
    const key = generateKey();
    const row = await this.database.kysely
      .insertInto('api_keys')
      .values({
        ...keyColumns(key),
        name: request.name,
        projects: request.projects,
        scopes: request.scopes,
        created_by: by.id,
        expires_at: expiresAt,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return { ...toApiKey(row), key };
  }

  /** The keys whose projects are all the caller's, newest first. */
  async list(by: Principal): Promise<ApiKey[]> {
    const rows = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .$if(!by.projects.includes('*'), (query) =>
        query.where(sql<boolean>`projects <@ ${[...by.projects]}::text[]`),
      )
      .orderBy('created_at', 'desc')
      .limit(MOST_LISTED)
      .execute();
    return rows.map(toApiKey);
  }

  /** @throws NotFoundError when there is none within the caller's projects */
  async get(id: string, by: Principal): Promise<ApiKey> {
    return toApiKey(await this.find(id, by));
  }

  /** Repeating it is harmless. */
  async revoke(id: string, by: Principal): Promise<void> {
    await this.find(id, by);
    // In one statement: the others hear of it exactly when it is committed.
    await this.database.pool.query(
      `WITH revoked AS (
         UPDATE ${SCHEMA}.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $2 RETURNING id
       )
       SELECT pg_notify($1, id::text) FROM revoked`,
      [KEYS_CHANNEL, id],
    );
    this.forget(id);
  }

  /** @returns the principal of a key that is good now */
  async authenticate(key: string): Promise<Principal | undefined> {
    if (!PLAUSIBLE.test(key)) return undefined;
    const hash = sha256(key);
    const name = hash.toString('base64');
    const cached = this.cache.get(name);
    const row = cached && cached.until > performance.now() ? cached.row : await this.load(hash, name);
    if (!row || !isGood(row)) return undefined;
    this.recordUse(row.id);
    return {
      id: principalIdOf(row.id),
      name: row.name,
      projects: row.projects,
      scopes: row.scopes,
      expiresAt: row.expires_at?.getTime() ?? null,
    };
  }

  /** Of these keys, those that are good no longer. */
  async revokedAmong(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const good = await this.database.kysely
      .selectFrom('api_keys')
      .select('id')
      .where(sql<boolean>`id = ANY(${ids.filter(isUuid)}::uuid[])`)
      .where('revoked_at', 'is', null)
      .execute();
    const known = new Set(good.map(({ id }) => id));
    return ids.filter((id) => !known.has(id));
  }

  private async find(id: string, by: Principal): Promise<Row> {
    if (!isUuid(id)) throw new NotFoundError('key');
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    if (!row || !row.projects.every((project) => ownsProject(by, project))) throw new NotFoundError('key');
    return row;
  }

  private async load(hash: Buffer, name: string): Promise<Row | undefined> {
    const { revocations } = this;
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .selectAll()
      .where('hash', '=', hash)
      .executeTakeFirst();
    if (!row || revocations !== this.revocations) return row;
    if (this.cache.size >= CACHED_KEYS) this.cache.clear();
    this.cache.set(name, { row, until: performance.now() + CACHE_MS });
    return row;
  }

  private forgetAll(): void {
    this.revocations += 1;
    this.cache.clear();
  }

  private forget(id: string): void {
    this.revocations += 1;
    for (const [name, { row }] of this.cache) if (row.id === id) this.cache.delete(name);
    this.revoked.next(id);
  }

  private recordUse(id: string): void {
    const now = performance.now();
    if (now - (this.usedAt.get(id) ?? -Infinity) < USE_RECORDED_EVERY_MS) return;
    if (this.usedAt.size >= CACHED_KEYS) this.usedAt.clear();
    this.usedAt.set(id, now);
    this.database.kysely
      .updateTable('api_keys')
      .set({ last_used_at: new Date() })
      .where('id', '=', id)
      .execute()
      .catch((error: Error) => this.logger.warn(`the use of a key could not be noted: ${error.message}`));
  }

  private async ensureBootstrapKey(key: string): Promise<void> {
    const made = administrator('bootstrap', key);
    await this.database.kysely
      .insertInto('api_keys')
      .values(made)
      .onConflict((conflict) => conflict.column('hash').doNothing())
      .execute();
    const row = await this.database.kysely
      .selectFrom('api_keys')
      .select('revoked_at')
      .where('hash', '=', sha256(key))
      .executeTakeFirst();
    if (row?.revoked_at) this.logger.warn('BOOTSTRAP_API_KEY names a key that was revoked; it stays revoked');
  }
}

const generateKey = (): string => `ca_${randomBytes(32).toString('base64url')}`;
const keyColumns = (key: string) => ({ id: uuidv7(), hash: sha256(key), prefix: key.slice(0, 10) });
const administrator = (name: string, key: string) => ({
  ...keyColumns(key),
  name,
  projects: ['*'],
  scopes: [...SCOPES],
  created_by: null,
});
const isGood = (row: Row): boolean =>
  row.revoked_at === null && (row.expires_at === null || row.expires_at.getTime() > Date.now());

function toApiKey(row: Row): ApiKey {
  const iso = (date: Date | null) => date?.toISOString() ?? null;
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    projects: row.projects,
    scopes: row.scopes,
    createdAt: row.created_at.toISOString(),
    expiresAt: iso(row.expires_at),
    revokedAt: iso(row.revoked_at),
    lastUsedAt: iso(row.last_used_at),
  };
}
