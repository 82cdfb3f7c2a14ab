import type pg from 'pg';
import { isOpen } from '../database/is-open.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { int4Array, textArray, uuidArray } from './binary-array.js';
import { hasRelatedRows, RELATED_ROWS, relatedValues } from './related-rows.js';
import type { RowChange } from './row-change.js';

/** Everything that one flush appends to one execution. */
export interface AppendGroup {
  executionId: string;
  /** Fencing token of the claim under which the events were written. */
  attempt: number;
  events: RecordedEvent[];
  change: RowChange | undefined;
  /**
   * Whether the claim has not appended yet on this connection or a newer one. Only then can this connection lead to
   * another server than the claim's earlier appends.
   */
  isFirst: boolean;
}

/** An execution to which nothing was appended. */
export interface Refusal {
  id: string;
  /** Whether the event before the first one is missing. Otherwise this process does not own the execution. */
  lost: boolean;
}

/**
 * Writes an array parameter as a subquery, which hides its length from the planner. When the planner sees the length, it
 * always expects a plan for exactly that length to be cheaper and plans each append again. For an append of one event
 * that took 40 % of PostgreSQL's time.
 */
const array = (position: number, type: string): string => `(SELECT $${position}::${type}[])`;

// The event before the first one must exist. Otherwise an owner would leave a permanent hole after a failover that lost
// the newest events. The check runs only on a connection that is newer than those before: on every append it would add
// half of the insert's CPU time. Scalar subqueries make every plan find rows by their primary keys.
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
 * Appends events that change no row of `executions`. The ownership check takes no lock: if the owner is stale by the time
 * of the commit, it finds its sequence taken, or the next owner reads its events (docs/ownership.md). The check has the
 * same result for all events of an execution. The statement returns only the number of inserted events, which saves a
 * sixth of the cost of single events.
 */
const PLAIN = `
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT a.id, a.sequence, a.type, a.data
  FROM unnest(${array(1, 'uuid')}, ${array(2, 'int')}, ${array(3, 'text')}, ${array(4, 'text')}, ${array(5, 'int')},
    ${array(6, 'int')}) AS a(id, sequence, type, data, attempt, first)
  WHERE (
    SELECT e.owner = $7 AND e.attempt = a.attempt AND e.completed_at IS NULL
    FROM cloutagent.executions AS e WHERE e.id = a.id) AND ${FOLLOWS}`;

/**
 * Finds the appends of which PLAIN has inserted nothing. The event that is stored at their first sequence, if any, is not
 * their own.
 */
const REFUSED = `
  SELECT a.id, ${owned(6)} AND NOT ${FOLLOWS} AS lost
  FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::text[]) AS a(id, attempt, first, sequence, data)
  WHERE NOT EXISTS (
    SELECT FROM cloutagent.events AS s WHERE s.execution_id = a.id AND s.sequence = a.sequence AND s.data = a.data)`;

const STATES = `
  held AS MATERIALIZED (${HELD}),
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
      AND e.owner = $8 AND e.attempt = c.attempt AND ${isOpen('e.')}
      AND c.id IN (SELECT id FROM held WHERE follows)
    RETURNING e.id, e.project_id, e.tags, e.created_by, e.desired_state, e.desired_state_by, e.desired_state_reason,
      e.desired_state_at, e.secret_versions
  ),
  kept AS (
    SELECT id, owned AND NOT follows AS lost,
      CASE WHEN id = ANY (${CHANGED_IDS}) THEN id IN (SELECT id FROM changed) ELSE owned AND follows END AS holds
    FROM held
  ),
  appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT v.* FROM ${EVENTS} WHERE v.id IN (SELECT id FROM kept WHERE holds)
  )`;
const REFUSALS = 'SELECT id, lost FROM kept WHERE NOT holds';

/**
 * Appends events of which some change their execution's row. The UPDATE locks the row and checks the claim against its
 * newest version. The events are inserted only if the UPDATE changed the row, so an end is stored completely or not at
 * all.
 */
const CHANGING = `WITH ${STATES} ${REFUSALS}`;

/** The same with rows of waits, children and usage (`related-rows.ts`). Only executions that have such changes pay for it. */
const RELATED = `WITH ${STATES}, ${RELATED_ROWS} ${REFUSALS}`;

const ENDS = new Set<RowChange['status']>(['completed', 'failed', 'cancelled']);

/** A query that appends to several executions in one statement. */
export interface AppendStatement {
  query: pg.QueryConfig;
  /** `refusals`: the result's rows are `Refusal`s. `count`: the result's row count is the number of inserted events. */
  returns: 'refusals' | 'count';
}

/**
 * Makes the query that appends the groups.
 * @param groups at most one for each execution
 * @param owner identity of this process
 */
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
    changes.map(({ status }) => (status === undefined ? null : status === 'paused' || status === 'waiting')),
    changes.map((change) => asJson(change.output)),
    changes.map((change) => asJson(change.error)),
    changes.map((change) => change.at ?? null),
  );
  const related = changes.filter(hasRelatedRows);
  if (related.length === 0)
    return { query: { name: 'journal-append-changing', text: CHANGING, values }, returns: 'refusals' };
  values.push(...relatedValues(related));
  return { query: { name: 'journal-append-related', text: RELATED, values }, returns: 'refusals' };
}

/** Makes the query that finds the refused groups when fewer events were inserted than sent. Its rows are `Refusal`s. */
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
