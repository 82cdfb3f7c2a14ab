import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import type { Principal } from '../auth/principal.js';
import { storableText } from '../common/storable-text.js';
import { Database } from '../database/database.js';
import { ExecutionStarter } from '../executions/commands/execution-starter.js';
import { ProblemError } from '../problems/problem.error.js';

/** What a schedule or a trigger starts. */
export interface OwnStart {
  readonly projectId: string;
  readonly workflowRef: string;
  readonly input: Json;
}

/** Returns the principal that a schedule or a trigger acts as. It may start and cancel executions of its project alone. */
export const ownPrincipal = (kind: 'schedule' | 'trigger', projectId: string, name: string): Principal => ({
  id: `${kind}:${name}`,
  projects: [projectId],
  scopes: ['executions:read', 'executions:write', 'executions:control'],
  expiresAt: null,
});

/**
 * Starts executions for schedules and triggers. A key, which is the due time or the id that the sender gave its request, starts one
 * execution, also if two processes use it at the same time or one dies after the start.
 */
@Injectable()
export class OwnStarts {
  constructor(
    private readonly database: Database,
    private readonly starter: ExecutionStarter,
  ) {}

  /** Returns the ids of the executions that the keys have started, by key. */
  async find(
    { projects: [projectId], id }: Principal,
    keys: readonly string[],
  ): Promise<Map<string, string>> {
    if (keys.length === 0) return new Map();
    const { rows } = await this.database.pool.query<{ id: string; key: string }>(
      `SELECT id, idempotency_key AS key FROM cloutagent.executions
       WHERE project_id = $1 AND created_by = $2 AND idempotency_key = ANY ($3::text[])`,
      [projectId, id, keys],
    );
    return new Map(rows.map((row) => [row.key, row.id]));
  }

  /**
   * Starts an execution, unless the key has.
   * @returns the id of the execution that the key has started
   * @throws the errors of `ExecutionStarter.start`
   */
  async start(
    { projectId, workflowRef, input }: OwnStart,
    principal: Principal,
    key?: string,
  ): Promise<string> {
    try {
      const request = { projectId, workflowRef, input, tags: [] };
      return (await this.starter.start(request, principal, key)).execution.id;
    } catch (error) {
      // Another process used the key, before the workflow or the schedule changed.
      const isTaken = error instanceof ProblemError && error.code === 'idempotency_key_reused';
      const first = isTaken && key !== undefined && (await this.find(principal, [key])).get(key);
      if (!first) throw error;
      return first;
    }
  }
}

/**
 * Describes why nothing was started, for the field `lastError`.
 * @returns undefined if trying again may help
 */
export function startFailure(error: unknown): string | undefined {
  if (!(error instanceof ProblemError) || error.getStatus() >= 500) return undefined;
  const { errors = [] } = error.extra;
  const details = errors
    .slice(0, 3)
    .map(({ path, message }) => (path === '' ? message : `${path} ${message}`));
  return storableText(`${error.code}: ${[error.message, ...details].join(' ')}`.slice(0, 1_000));
}
