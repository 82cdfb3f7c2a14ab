import { Inject, Injectable } from '@nestjs/common';
import type { DeletedExecution } from '@cloutagent/contract';
import type pg from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { DeletionNotices } from './deletion-notices.js';

/** Executions that one statement deletes with their rows, so that a large tree does not exceed the time limit. */
const BATCH = 500;
const MAX_RERUNS = 100;

interface Root {
  root_id: string | null;
  ended: boolean;
}

// Two deletions, and a deletion and the retention sweep, lock the root first. So one of them waits and then finds nothing,
// or the sweep passes over the tree.
const LOCK_ROOT = `
  SELECT root_id, completed_at IS NOT NULL AS ended FROM cloutagent.executions
  WHERE id = $1 AND ($2::text[] IS NULL OR project_id = ANY ($2)) FOR UPDATE`;

const LOCK_BELOW = `
  SELECT id, completed_at IS NOT NULL AS ended FROM cloutagent.executions WHERE root_id = $1 ORDER BY id FOR UPDATE`;

// A re-run of a re-run may hold copies too. A child execution stands for its root.
const RERUNS = `
  WITH RECURSIVE reruns AS (
    SELECT id, root_id FROM cloutagent.executions WHERE rerun_of = ANY ($1::uuid[])
    UNION
    SELECT e.id, e.root_id FROM reruns AS r JOIN cloutagent.executions AS e ON e.rerun_of = r.id
  )
  SELECT DISTINCT coalesce(root_id, id) AS id FROM reruns WHERE NOT coalesce(root_id, id) = ANY ($1::uuid[])
  ORDER BY id LIMIT ${MAX_RERUNS}`;

const REMEMBER = `
  INSERT INTO cloutagent.deleted_requests (project_id, principal, key_hash, expires_at)
  SELECT project_id, created_by, sha256(convert_to(idempotency_key, 'UTF8')), now() + make_interval(days => $2)
  FROM cloutagent.executions WHERE id = $1 AND idempotency_key IS NOT NULL
  ON CONFLICT (project_id, principal, key_hash) DO UPDATE SET expires_at = excluded.expires_at`;

const DELETE_EVENTS = 'DELETE FROM cloutagent.events WHERE execution_id = ANY ($1::uuid[])';
/** Takes the rows of the other tables along, such as waits, signals, tool calls, tickets and undelivered events. */
const DELETE_ROWS = 'DELETE FROM cloutagent.executions WHERE id = ANY ($1::uuid[])';

/** Deletes executions at the request of clients. */
@Injectable()
export class ExecutionDeleter {
  constructor(
    private readonly database: Database,
    private readonly notices: DeletionNotices,
    @Inject(Settings) private readonly settings: Pick<Settings, 'RETENTION_DAYS'>,
  ) {}

  /**
   * Deletes a root with the executions below it and all their rows, in one transaction. Events that a durable subscriber has
   * not got are deleted too. The key of its request is remembered as a hash for RETENTION_DAYS.
   * @param projectIds the caller's projects; undefined for all
   * @throws NotFoundError if none of the projects has it
   * @throws ProblemError 409 `execution_has_parent`, `execution_not_ended`
   */
  async delete(executionId: string, projectIds: readonly string[] | undefined): Promise<DeletedExecution> {
    return this.database.transaction(async (client) => {
      const ids = await lockTree(client, executionId, projectIds);
      // A re-run that is being made holds a lock on the execution that it repeats, so it is visible now.
      const reruns = await client.query<{ id: string }>(RERUNS, [ids]);
      await client.query(REMEMBER, [executionId, this.settings.RETENTION_DAYS]);
      for (let start = 0; start < ids.length; start += BATCH) {
        const batch = [ids.slice(start, start + BATCH)];
        await client.query(DELETE_EVENTS, batch);
        await client.query(DELETE_ROWS, batch);
      }
      await client.query(this.notices.query(ids));
      return { deleted: ids.length, reruns: reruns.rows.map(({ id }) => id) };
    });
  }

  /** Whether a request with this Idempotency-Key started an execution that was deleted. @param hash SHA-256 of the key */
  async isDeletedRequest(projectId: string, principal: string, hash: Buffer): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      `SELECT FROM cloutagent.deleted_requests WHERE project_id = $1 AND principal = $2 AND key_hash = $3`,
      [projectId, principal, hash],
    );
    return rowCount === 1;
  }
}

/** Locks a root and the executions below it. @returns their ids */
async function lockTree(
  client: pg.PoolClient,
  rootId: string,
  projectIds: readonly string[] | undefined,
): Promise<string[]> {
  const { rows } = await client.query<Root>(LOCK_ROOT, [rootId, projectIds ?? null]);
  const [root] = rows;
  if (!root) throw new NotFoundError();
  if (root.root_id !== null) {
    const text = `This is a child execution. It is deleted with the root of its tree: delete ${root.root_id}.`;
    throw new ProblemError('execution_has_parent', text);
  }
  if (!root.ended) throw new ProblemError('execution_not_ended');
  const below = await client.query<{ id: string; ended: boolean }>(LOCK_BELOW, [rootId]);
  if (below.rows.some(({ ended }) => !ended)) throw new ProblemError('execution_not_ended');
  return [rootId, ...below.rows.map(({ id }) => id)];
}
