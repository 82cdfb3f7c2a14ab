import { Injectable } from '@nestjs/common';
import type { CreateApiKey, CreatedApiKey } from '@cloutagent/contract';
import type { PoolClient } from 'pg';
import { Database } from '../database/database.js';
import { ProblemError, ValidationFailedError } from '../problems/problem.error.js';
import { type ApiKeyRow, generateKey, keyColumns, toApiKey } from './api-key.js';
import { KeyRequests, type RepeatableRequest } from './key-requests.js';
import { ownsProject, type Principal } from './principal.js';
import { ScopeRegistry } from './scopes/scope-registry.js';

const UNIQUE_VIOLATION = '23505';
const WIDENING_SCOPES = [
  'keys:manage',
  'workflows:write',
  'schedules:manage',
  'triggers:manage',
  'webhooks:manage',
] as const;

/** Makes API keys on behalf of callers. */
@Injectable()
export class ApiKeyCreator {
  constructor(
    private readonly database: Database,
    private readonly requests: KeyRequests,
    private readonly scopes: ScopeRegistry,
  ) {}

  /**
   * Makes a key.
   * @param repeatable given if the request has an Idempotency-Key: a repetition makes nothing and returns the first answer
   * @returns the key, and whether an earlier request with the same Idempotency-Key made it
   * @throws ValidationFailedError if no module declares a scope
   * @throws ProblemError 403 when the key would have a project or a scope that the caller does not have
   * @throws ProblemError 422 `idempotency_key_reused`, 409 `secret_not_repeatable`
   */
  async create(
    request: CreateApiKey,
    by: Principal,
    repeatable?: Pick<RepeatableRequest, 'idempotencyKey' | 'credential'>,
  ): Promise<{ key: CreatedApiKey; replayed: boolean }> {
    const repeated = repeatable && { ...repeatable, principalId: by.id, body: JSON.stringify(request) };
    // Before the checks: a key that was made stays made, although it may have expired since.
    const first = repeated && (await this.requests.findAnswer(repeated));
    if (first) return { key: first, replayed: true };
    this.check(request, by);
    try {
      const key = await this.database.transaction(async (client) => {
        const created = await insert(client, request, by);
        if (repeated) await this.requests.store(client, repeated, created);
        return created;
      });
      return { key, replayed: false };
    } catch (error) {
      if (!repeated || (error as { code?: string }).code !== UNIQUE_VIOLATION) throw error;
      // A request with the same Idempotency-Key was faster, and the key of this one was rolled back.
      const winner = await this.requests.findAnswer(repeated);
      if (!winner) throw error;
      return { key: winner, replayed: true };
    }
  }

  private check(request: CreateApiKey, by: Principal): void {
    const unknown = request.scopes.flatMap((scope, index) =>
      this.scopes.has(scope) ? [] : [{ path: `scopes.${index}`, message: this.scopes.problem(scope) }],
    );
    if (unknown.length > 0) throw new ValidationFailedError(unknown);
    const foreign = request.projects.find((project) => !ownsProject(by, project));
    if (foreign !== undefined)
      throw new ProblemError(
        'not_your_project',
        `You cannot make a key for project ${foreign}, because you have no access to it.`,
      );
    const excess = request.scopes.find((scope) => !by.scopes.includes(scope));
    if (excess !== undefined)
      throw new ProblemError(
        'insufficient_scope',
        `You cannot grant the scope ${excess}, because you do not have it.`,
      );
    // A limited key cannot make another one, because that one could be without the limit. Nor can it change what it may start.
    const widening = request.workflows && WIDENING_SCOPES.find((scope) => request.scopes.includes(scope));
    if (widening !== undefined)
      throw new ValidationFailedError([
        {
          path: 'workflows',
          message: `a key that is limited to saved workflows cannot have the scope ${widening}`,
        },
      ]);
    if (request.expiresAt !== undefined && Date.parse(request.expiresAt) <= Date.now())
      throw new ProblemError('expiry_in_the_past');
  }
}

async function insert(client: PoolClient, request: CreateApiKey, by: Principal): Promise<CreatedApiKey> {
  const key = generateKey();
  const { id, hash, prefix } = keyColumns(key);
  const { rows } = await client.query<ApiKeyRow>(
    `INSERT INTO cloutagent.api_keys (id, hash, prefix, name, projects, scopes, created_by, expires_at, workflows)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *`,
    [
      id,
      hash,
      prefix,
      request.name,
      request.projects,
      request.scopes,
      by.id,
      request.expiresAt ?? null,
      request.workflows ?? null,
    ],
  );
  return { ...toApiKey(rows[0]!), key };
}
