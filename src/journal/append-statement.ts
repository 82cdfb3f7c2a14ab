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

const owned = (owner: number): string => `coalesce((
    SELECT e.owner = $${owner} AND e.attempt = a.attempt AND e.completed_at IS NULL
    FROM cloutagent.executions AS e WHERE e.id = a.id), false)`;

const HELD = `
  SELECT a.id, ${owned(8)} AS owned, ${FOLLOWS} AS follows
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
 * by the time of its commit finds its sequence taken, or is found by the next owner (docs/ownership.md). All events of an
 * execution have the same answer. It tells how many were inserted and no more, which costs a sixth less for single events.
 */
const PLAIN = `
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT a.id, a.sequence, a.type, a.data
  FROM unnest(${array(1, 'uuid')}, ${array(2, 'int')}, ${array(3, 'text')}, ${array(4, 'text')}, ${array(5, 'int')},
    ${array(6, 'int')}) AS a(id, sequence, type, data, attempt, first)
  WHERE (
    SELECT e.owner = $7 AND e.attempt = a.attempt AND e.completed_at IS NULL
    FROM cloutagent.executions AS e WHERE e.id = a.id) AND ${FOLLOWS}`;

/** Finds those of which PLAIN has inserted nothing: what is stored at their first sequence is not what they appended. */
const REFUSED = `
  SELECT a.id, ${owned(6)} AND NOT ${FOLLOWS} AS lost
  FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[]) AS a(id, attempt, first, sequence, data)
  WHERE NOT EXISTS (
    SELECT FROM cloutagent.events AS s WHERE s.execution_id = a.id AND s.sequence = a.sequence AND s.data = a.data)`;

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

/** The query that appends to some executions, each at most once, in one statement. */
export interface AppendStatement {
  query: pg.QueryConfig;
  /** What its answer tells: the rows are the refusals, or its count of rows is that of the events inserted. */
  returns: 'refusals' | 'count';
}

/** @param owner identity of this process */
export function appendStatement(groups: readonly AppendGroup[], owner: string): AppendStatement {
  const events = groups.flatMap((group) => group.events);
  const ofEvents = <Value>(of: (group: AppendGroup) => Value): Value[] =>
    groups.flatMap((group) => Array<Value>(group.events.length).fill(of(group)));
  const values: unknown[] = [
    uuidArray(ofEvents((group) => group.executionId)),
    int4Array(events.map((event) => event.sequence)),
    textArray(events.map((event) => event.type)),
    textArray(events.map((event) => event.data)),
  ];
  const changes = groups.flatMap(({ executionId, attempt, change }) =>
    change ? [{ executionId, attempt, ...change }] : [],
  );
  if (changes.length === 0) {
    values.push(int4Array(ofEvents((group) => group.attempt)), int4Array(ofEvents(firstToCheck)), owner);
    return { query: { name: 'journal-append', text: PLAIN, values }, returns: 'count' };
  }
  const asJson = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  values.push(
    uuidArray(groups.map((group) => group.executionId)),
    int4Array(groups.map((group) => group.attempt)),
    int4Array(groups.map(firstToCheck)),
    owner,
    changes.map((change) => change.executionId),
    changes.map((change) => change.attempt),
    changes.map((change) => change.status ?? null),
    changes.map((change) => ENDS.has(change.status)),
    changes.map((change) => change.idle ?? null),
    changes.map((change) => asJson(change.output)),
    changes.map((change) => asJson(change.error)),
    changes.map((change) => change.at ?? null),
  );
  return { query: { name: 'journal-append-changing', text: CHANGING, values }, returns: 'refusals' };
}

/** Asks which of these appends were refused, after fewer events were inserted than there are. Its rows are `Refusal`s. */
export function refusalsQuery(groups: readonly AppendGroup[], owner: string): pg.QueryConfig {
  const values = [
    groups.map((group) => group.executionId),
    groups.map((group) => group.attempt),
    groups.map(firstToCheck),
    groups.map((group) => group.events[0]!.sequence),
    groups.map((group) => group.events[0]!.data),
    owner,
  ];
  return { text: REFUSED, values };
}

const firstToCheck = ({ isFirst, events }: AppendGroup): number | null =>
  isFirst ? (events[0]?.sequence ?? null) : null;
