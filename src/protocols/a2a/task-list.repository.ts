import { Injectable } from '@nestjs/common';
import { INBOX_KINDS, type Json } from '@cloutagent/contract';
import { Database } from '../../database/database.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';
import type { TaskStateName } from './a2a-types.js';

/** The tasks of a list. A condition that is left out matches every task. */
export interface TaskFilter {
  readonly projectId: string;
  /** The name of the saved workflow. */
  readonly name: string;
  readonly contextId?: string | undefined;
  readonly state?: TaskStateName | undefined;
  /** Only tasks whose status is from this time or later. ISO 8601. */
  readonly changedAfter?: string | undefined;
}

/** The last task of the page before. */
export interface TaskPosition {
  readonly id: string;
  /** When its status changed, in µs since the epoch. */
  readonly changedUs: string;
}

export interface ListedTask {
  readonly id: string;
  readonly createdAt: Date;
  readonly changedUs: string;
  readonly thread: ExecutionThread | null;
}

/** A turn of a conversation, from the time before a task. */
interface TurnRow {
  id: string;
  output: Json;
}

/**
 * The executions of a workflow as tasks. The status of an ended one changed when it ended, and that of another one when its
 * newest wait began or ended.
 */
const TASKS = `
  SELECT e.id, e.created_at, t.protocol, t.thread_id, t.data, coalesce(e.completed_at, greatest(
    e.created_at, e.started_at,
    (SELECT max(greatest(w.created_at, w.settled_at)) FROM cloutagent.waits AS w WHERE w.execution_id = e.id)
  )) AS changed_at
  FROM cloutagent.executions AS e LEFT JOIN cloutagent.threads AS t ON t.execution_id = e.id AND t.protocol = 'a2a'
  WHERE e.project_id = $1 AND e.workflow_name = $2 AND e.parent_id IS NULL
    AND ($3::text IS NULL OR coalesce(t.thread_id, e.id::text) = $3)
    AND ($4::text IS NULL OR $4 = CASE e.status
      WHEN 'queued' THEN 'TASK_STATE_SUBMITTED'
      WHEN 'completed' THEN 'TASK_STATE_COMPLETED'
      WHEN 'failed' THEN 'TASK_STATE_FAILED'
      WHEN 'cancelled' THEN 'TASK_STATE_CANCELED'
      WHEN 'waiting' THEN CASE WHEN EXISTS (
        SELECT FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND w.outcome IS NULL AND w.kind = ANY ($6)
      ) THEN 'TASK_STATE_INPUT_REQUIRED' ELSE 'TASK_STATE_WORKING' END
      ELSE 'TASK_STATE_WORKING' END)`;

const CHANGED = `SELECT * FROM (${TASKS}) AS task WHERE ($5::timestamptz IS NULL OR changed_at >= $5)`;

const PAGE = `
  SELECT id, created_at AS "createdAt", (extract(epoch FROM changed_at) * 1000000)::bigint AS "changedUs",
    CASE WHEN thread_id IS NOT NULL
      THEN json_build_object('protocol', protocol, 'threadId', thread_id, 'data', data) END AS thread
  FROM (${CHANGED}) AS changed
  WHERE $7::bigint IS NULL OR (changed_at, id) < ('epoch'::timestamptz + $7::bigint * interval '1 us', $8::uuid)
  ORDER BY changed_at DESC, id DESC LIMIT $9`;

const COUNT = `SELECT count(*)::int AS count FROM (${CHANGED}) AS changed`;

const COMPLETED = `
  SELECT id, output FROM cloutagent.executions
  WHERE id = ANY ($1::uuid[]) AND status = 'completed' AND workflow_name = $2`;

/** Reads the executions of a saved workflow as tasks. */
@Injectable()
export class TaskListRepository {
  constructor(private readonly database: Database) {}

  /** Reads a page, the newest change first, and counts all tasks that match. */
  async read(
    filter: TaskFilter,
    after: TaskPosition | undefined,
    limit: number,
  ): Promise<{ tasks: ListedTask[]; total: number }> {
    const { projectId, name, contextId, state, changedAfter } = filter;
    // PostgreSQL stores no U+0000 in texts, so no workflow has such a name.
    if (name.includes('\0')) return { tasks: [], total: 0 };
    const values = [projectId, name, contextId ?? null, state ?? null, changedAfter ?? null, INBOX_KINDS];
    const { pool } = this.database;
    const [page, counted] = await Promise.all([
      pool.query<ListedTask>(PAGE, [...values, after?.changedUs ?? null, after?.id ?? null, limit]),
      pool.query<{ count: number }>(COUNT, values),
    ]);
    return { tasks: page.rows, total: counted.rows[0]!.count };
  }

  /** Reads the outputs of those of some executions that have completed, and run the workflow. */
  async outputs(executionIds: readonly string[], name: string): Promise<Map<string, Json>> {
    if (executionIds.length === 0) return new Map();
    const { rows } = await this.database.pool.query<TurnRow>(COMPLETED, [executionIds, name]);
    return new Map(rows.map(({ id, output }) => [id, output]));
  }
}
