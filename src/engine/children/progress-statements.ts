import { notItsTurn } from './tree-statements.js';

const OPEN_CHILD = 'c.parent_id = w.execution_id AND c.parent_wait_id = w.id AND c.completed_at IS NULL';
const ACTIVE_CHILDREN = `SELECT FROM cloutagent.executions AS c WHERE ${OPEN_CHILD} AND ${notItsTurn('c')} = 0`;
const WAITING_CHILDREN = `SELECT FROM cloutagent.executions AS c WHERE ${OPEN_CHILD} AND ${notItsTurn('c')} = 1`;
const FAILED_CHILDREN = `
  SELECT FROM cloutagent.executions AS c
  WHERE c.parent_wait_id = w.id AND c.status IN ('failed', 'cancelled')
    AND w.request -> 'children' ->> 'onError' = 'fail'`;

/** Reads the open waits of parents for children. No part reads the children that have ended or whose turn has not come. */
export const OPEN_WAITS = `
  SELECT w.id AS "waitId", w.execution_id AS "parentId", w.node_id AS "nodeId", w.request -> 'children' AS children,
    e.desired_state AS desired, e.owner IS NOT NULL AS "isOwned",
    (SELECT count(*)::int FROM (${ACTIVE_CHILDREN}) AS c) AS active,
    EXISTS (${WAITING_CHILDREN}) AS "hasWaiting", EXISTS (${FAILED_CHILDREN}) AS "hasFailed"
  FROM cloutagent.waits AS w JOIN cloutagent.executions AS e ON e.id = w.execution_id
  WHERE w.execution_id = ANY ($1::uuid[]) AND w.kind = 'children' AND w.outcome IS NULL AND e.completed_at IS NULL`;

/**
 * Queues the next children of waits. Each one is locked after its parent. One that another transaction has locked, such as
 * for a signal, is left: LEFT finds it.
 */
export const QUEUE_NEXT = `
  UPDATE cloutagent.executions AS e SET runnable_at = now()
  FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS n(parent_id, wait_id, count),
    LATERAL (
      SELECT c.id FROM cloutagent.executions AS c
      WHERE c.parent_id = n.parent_id AND c.parent_wait_id = n.wait_id AND c.completed_at IS NULL
        AND ${notItsTurn('c')} = 1 AND c.desired_state = 'run' AND c.owner IS NULL
      ORDER BY c.parent_index LIMIT n.count FOR NO KEY UPDATE SKIP LOCKED
    ) AS next
  WHERE e.id = next.id`;

/** Finds those of the parents of which a child could be queued. After QUEUE_NEXT, its row was locked. */
export const LEFT = `
  SELECT DISTINCT c.parent_id AS id FROM cloutagent.executions AS c
  WHERE c.parent_id = ANY ($1::uuid[]) AND c.completed_at IS NULL AND ${notItsTurn('c')} = 1
    AND c.desired_state = 'run' AND c.owner IS NULL`;

/** Finds parents that have no running child and must queue one, or end their wait. */
export const STALLED = `
  SELECT DISTINCT w.execution_id AS id
  FROM cloutagent.waits AS w JOIN cloutagent.executions AS e ON e.id = w.execution_id
  WHERE w.kind = 'children' AND w.outcome IS NULL AND e.completed_at IS NULL
    AND (NOT EXISTS (${ACTIVE_CHILDREN}) AND (e.desired_state = 'run' OR NOT EXISTS (${WAITING_CHILDREN}))
      OR EXISTS (${FAILED_CHILDREN}))
  LIMIT 500`;

/**
 * Finds executions that are to be paused or cancelled, and that have a child without the mark: the process that marked them
 * has died before it marked the children. A resume is not repeated, because a child may have been paused by itself.
 */
export const UNMARKED = `
  SELECT DISTINCT p.id, p.desired_state AS desired, p.desired_state_by AS by, p.desired_state_reason AS reason
  FROM cloutagent.executions AS c JOIN cloutagent.executions AS p ON p.id = c.parent_id
  WHERE c.parent_id IS NOT NULL AND c.completed_at IS NULL AND p.completed_at IS NULL
    AND (p.desired_state = 'cancel' AND c.desired_state <> 'cancel'
      OR p.desired_state = 'pause' AND c.desired_state = 'run')
  LIMIT 100`;

/** Finds executions that have ended although a child is open. */
export const ORPHANS = `
  SELECT DISTINCT c.parent_id AS id FROM cloutagent.executions AS c
  WHERE c.parent_id IS NOT NULL AND c.completed_at IS NULL AND NOT EXISTS (
    SELECT FROM cloutagent.executions AS p WHERE p.id = c.parent_id AND p.completed_at IS NULL)
  LIMIT 100`;
