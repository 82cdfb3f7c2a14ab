import type { Execution, ExecutionFailure, Json } from '@cloutagent/contract';
import type pg from 'pg';
import type { RecordedEvent } from '../events/recorded-event.js';
import { int4Array, textArray, uuidArray } from './binary-array.js';

/** What an append changes in the execution's row, in the same commit. */
export interface RowChange {
  status?: Execution['status'];
  /** When the status changed, ISO 8601; becomes the start or the end. */
  at?: string;
  output?: Json;
  error?: ExecutionFailure;
  /** Whether the owner only waits, so that the execution takes no concurrency slot. */
  idle?: boolean;
}

/** All that one flush appends to one execution. */
export interface AppendGroup {
  executionId: string;
  /** The claim under which it was written. */
  attempt: number;
  events: RecordedEvent[];
  change: RowChange | undefined;
  /** Whether it is the claim's first one on a connection as new as this: only then may the server be another one. */
  isFirst: boolean;
}

/** Why nothing was appended to an execution: `lost` the event before is missing; else this process does not own it. */
export interface Refusal {
  id: string;
  lost: boolean;
}

/**
 * A parameter that is an array. As a subquery it looks the same to the planner whatever it holds: of the parameter
 * itself the planner sees the length, always expects a plan for just that length to be cheaper, and plans each append
 * anew. For an append of one event that was 40 % of PostgreSQL's time.
 */
const array = (position: number, type: string): string => `(SELECT $${position}::${type}[])`;

// The event before the first one must be there: after a failover that lost the newest events the owner would
// otherwise leave a hole for ever. That is checked when the connection is a newer one than before; each time would cost
// half as much CPU again as the insert. Scalar subqueries, so that every plan looks rows up by their primary keys.
const FOLLOWS = `(a.first IS NULL OR a.first = 1 OR (
  SELECT 1 FROM cloutagent.events AS p WHERE p.execution_id = a.id AND p.sequence = a.first - 1) IS NOT NULL)`;

const HELD = `
  SELECT a.id, coalesce((
    SELECT e.owner = $8 AND e.attempt = a.attempt AND e.completed_at IS NULL
    FROM cloutagent.executions AS e WHERE e.id = a.id), false) AS owned, ${FOLLOWS} AS follows
  FROM unnest(${array(5, 'uuid')}, ${array(6, 'int')}, ${array(7, 'int')}) AS a(id, attempt, first)`;

const EVENTS = `
  unnest(${array(1, 'uuid')}, ${array(2, 'int')}, ${array(3, 'text')}, ${array(4, 'text')}) AS v(id, sequence, type, data)`;

const CHANGES = `
  unnest(${array(9, 'uuid')}, ${array(10, 'int')}, ${array(11, 'text')}, ${array(12, 'boolean')}, ${array(13, 'boolean')},
    ${array(14, 'json')}, ${array(15, 'json')}, ${array(16, 'timestamptz')})
  AS c(id, attempt, status, ends, idle, output, error, at)`;
const CHANGED_IDS = `${array(9, 'uuid')}::uuid[]`;

/**
 * Appends that change no row. Whether this process owns the execution is read without a lock: an owner that is stale
 * by the time of its commit finds its sequence taken, or is found by the next owner (docs/ownership.md).
 */
const PLAIN = `
  WITH held AS MATERIALIZED (${HELD}),
  appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT v.* FROM ${EVENTS} WHERE v.id IN (SELECT id FROM held WHERE owned AND follows)
  )
  SELECT id, owned AND NOT follows AS lost FROM held WHERE NOT (owned AND follows)`;

/**
 * Appends of which some change their execution's row. The change decides: only where it finds this claim in the
 * newest version of the row, which it locks, are the events inserted. So an end holds or does not, as a whole.
 */
const CHANGING = `
  WITH held AS MATERIALIZED (${HELD}),
  changed AS (
    UPDATE cloutagent.executions AS e SET
      status = coalesce(c.status, e.status),
      idle = CASE WHEN c.ends THEN false ELSE coalesce(c.idle, e.idle) END,
      output = coalesce(c.output, e.output),
      error = coalesce(c.error, e.error),
      started_at = CASE WHEN c.status = 'running' THEN coalesce(e.started_at, c.at) ELSE e.started_at END,
      completed_at = CASE WHEN c.ends THEN c.at END,
      owner = CASE WHEN c.ends THEN NULL ELSE e.owner END
    FROM ${CHANGES}
    WHERE e.id = ANY (${CHANGED_IDS}) AND e.id = c.id
      AND e.owner = $8 AND e.attempt = c.attempt AND e.completed_at IS NULL
      AND c.id IN (SELECT id FROM held WHERE follows)
    RETURNING e.id
  ),
  kept AS (
    SELECT id, owned AND NOT follows AS lost,
      CASE WHEN id = ANY (${CHANGED_IDS}) THEN id IN (SELECT id FROM changed) ELSE owned AND follows END AS holds
    FROM held
  ),
  appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT v.* FROM ${EVENTS} WHERE v.id IN (SELECT id FROM kept WHERE holds)
  )
  SELECT id, lost FROM kept WHERE NOT holds`;

const ENDS = new Set<RowChange['status']>(['completed', 'failed', 'cancelled']);

/**
 * The one statement that appends to some executions, each at most once.
 * @param owner identity of this process
 * @returns a query whose rows (`Refusal`) are the executions to which nothing was appended
 */
export function appendStatement(groups: readonly AppendGroup[], owner: string): pg.QueryConfig {
  const events = groups.flatMap((group) =>
    group.events.map((event) => ({ id: group.executionId, ...event })),
  );
  const values: unknown[] = [
    uuidArray(events.map((event) => event.id)),
    int4Array(events.map((event) => event.sequence)),
    textArray(events.map((event) => event.type)),
    textArray(events.map((event) => event.data)),
    uuidArray(groups.map((group) => group.executionId)),
    int4Array(groups.map((group) => group.attempt)),
    int4Array(groups.map((group) => (group.isFirst ? (group.events[0]?.sequence ?? null) : null))),
    owner,
  ];
  const changes = groups.flatMap(({ executionId, attempt, change }) =>
    change ? [{ executionId, attempt, ...change }] : [],
  );
  if (changes.length === 0) return { name: 'journal-append', text: PLAIN, values };
  const asJson = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  values.push(
    changes.map((change) => change.executionId),
    changes.map((change) => change.attempt),
    changes.map((change) => change.status ?? null),
    changes.map((change) => ENDS.has(change.status)),
    changes.map((change) => change.idle ?? null),
    changes.map((change) => asJson(change.output)),
    changes.map((change) => asJson(change.error)),
    changes.map((change) => change.at ?? null),
  );
  return { name: 'journal-append-changing', text: CHANGING, values };
}
