import type { ExecutionStatus } from '@cloutagent/contract';
import type pg from 'pg';
import { isUuid } from '../../common/uuid.js';
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

/** Tasks that are counted at most, and tasks of one context that are read at most, those that began last. */
export const MAX_COUNTED_TASKS = 10_000;

/** Entries of executions by status, and by whether a wait is open that a client can end. */
type EntryState = readonly [ExecutionStatus, asks: boolean];

const ENTRIES: Readonly<Record<TaskStateName, readonly EntryState[]>> = {
  TASK_STATE_SUBMITTED: [
    ['queued', false],
    ['queued', true],
  ],
  TASK_STATE_WORKING: [
    ['running', false],
    ['running', true],
    ['paused', false],
    ['paused', true],
    ['waiting', false],
  ],
  TASK_STATE_INPUT_REQUIRED: [['waiting', true]],
  TASK_STATE_COMPLETED: [['completed', false]],
  TASK_STATE_FAILED: [['failed', false]],
  TASK_STATE_CANCELED: [['cancelled', false]],
};
const ALL_ENTRIES = Object.values(ENTRIES).flat();

/**
 * Makes the query for a page of tasks, the newest change first. It reads a page of each state from its end of an index, and merges
 * the pages. The tasks of a context are few: they are sorted.
 */
export function pageStatement(
  filter: TaskFilter,
  after: TaskPosition | undefined,
  limit: number,
): pg.QueryConfig {
  const { from, where, values } = partsOf(filter);
  const place = after
    ? `AND (l.changed_at, l.execution_id) < ('epoch'::timestamptz + $${values.push(after.changedUs)}::bigint * interval '1 us',
        $${values.push(after.id)}::uuid)`
    : '';
  const text = `
    SELECT task.id, task.created_at AS "createdAt", (extract(epoch FROM task.changed_at) * 1000000)::bigint AS "changedUs",
      CASE WHEN t.thread_id IS NOT NULL
        THEN json_build_object('protocol', t.protocol, 'threadId', t.thread_id, 'data', t.data) END AS thread
    FROM (
      SELECT page.* FROM ${from} CROSS JOIN LATERAL (
        SELECT l.execution_id AS id, l.created_at, l.changed_at FROM cloutagent.list_entries AS l WHERE ${where} ${place}
        ORDER BY l.changed_at DESC, l.execution_id DESC LIMIT ${limit}
      ) AS page ORDER BY changed_at DESC, id DESC LIMIT ${limit}
    ) AS task LEFT JOIN cloutagent.threads AS t ON t.execution_id = task.id AND t.protocol = 'a2a'
    ORDER BY task.changed_at DESC, task.id DESC`;
  return { text, values };
}

/** Makes the query that counts tasks, up to MAX_COUNTED_TASKS. */
export function countStatement(filter: TaskFilter): pg.QueryConfig {
  const { from, where, values } = partsOf(filter);
  const text = `
    SELECT count(*)::int AS count FROM (
      SELECT FROM ${from} CROSS JOIN LATERAL (
        SELECT FROM cloutagent.list_entries AS l WHERE ${where} LIMIT ${MAX_COUNTED_TASKS}
      ) AS matches LIMIT ${MAX_COUNTED_TASKS}
    ) AS counted`;
  return { text, values };
}

function partsOf(filter: TaskFilter): { from: string; where: string; values: unknown[] } {
  const { projectId, name, contextId, state, changedAfter } = filter;
  // A state that this server does not use has no tasks.
  const entries = state === undefined ? ALL_ENTRIES : (ENTRIES[state] ?? []);
  const values: unknown[] = [
    projectId,
    name,
    entries.map(([status]) => status),
    entries.map(([, asks]) => asks),
  ];
  const conditions = [
    'l.project_id = $1 AND l.workflow_name = $2 AND l.status = s.status AND l.asks = s.asks',
    'l.changed_at IS NOT NULL',
  ];
  if (changedAfter !== undefined)
    conditions.push(`l.changed_at >= $${values.push(changedAfter)}::timestamptz`);
  if (contextId !== undefined)
    conditions.push(`l.tag = '' AND l.execution_id = ANY (ARRAY(${idsOfContext(contextId, values)}))`);
  return {
    from: 'unnest($3::text[], $4::boolean[]) AS s(status, asks)',
    where: conditions.join(' AND '),
    values,
  };
}

/** A task without a context of a client is a context of its own. */
function idsOfContext(contextId: string, values: unknown[]): string {
  const given = `
    (SELECT execution_id FROM cloutagent.threads
     WHERE project_id = $1 AND protocol = 'a2a' AND thread_id = $${values.push(contextId)}
     ORDER BY execution_id DESC LIMIT ${MAX_COUNTED_TASKS})`;
  if (!isUuid(contextId) || contextId !== contextId.toLowerCase()) return given;
  const own = `$${values.push(contextId)}::uuid`;
  return `${given} UNION ALL SELECT ${own} WHERE NOT EXISTS (
    SELECT FROM cloutagent.threads WHERE execution_id = ${own} AND protocol = 'a2a')`;
}
