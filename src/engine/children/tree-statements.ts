import { isOpen } from '../../database/is-open.js';

/**
 * Whether the turn of a child has not come: 1 or 0. An index has this expression, so a statement must use it exactly as it
 * is here.
 */
export const notItsTurn = (alias: string): string =>
  `(CASE WHEN ${alias}.attempt = 0 AND ${alias}.runnable_at IS NULL THEN 1 ELSE 0 END)`;

/** Finds the open executions below `$1`; only below the node `$2` unless it is null. An ended execution has no open children. */
const BELOW = `
  below AS (
    SELECT c.id FROM cloutagent.executions AS c
    WHERE c.parent_id = $1 AND ($2::text IS NULL OR c.parent_node_id = $2) AND c.completed_at IS NULL
    UNION ALL
    SELECT c.id FROM below AS b JOIN cloutagent.executions AS c ON c.parent_id = b.id AND c.completed_at IS NULL
  )`;

/** Executions that one statement marks. A larger tree takes several statements, so that none takes too long. */
const MARK_LIMIT = 2_000;

/** Marks open executions below one with a desired state, in the order of their ids, as every transaction locks them. */
export const MARK = `
  WITH RECURSIVE ${BELOW}, locked AS MATERIALIZED (
    SELECT e.id FROM cloutagent.executions AS e
    WHERE e.id IN (SELECT id FROM below) AND ${isOpen('e.')} AND e.desired_state NOT IN ('cancel', $3)
    ORDER BY e.id LIMIT ${MARK_LIMIT} FOR NO KEY UPDATE
  )
  UPDATE cloutagent.executions AS e SET desired_state = $3, desired_state_by = $4, desired_state_reason = $5,
    desired_state_at = now(),
    runnable_at = CASE WHEN e.owner IS NULL AND e.parked AND $3 <> 'cancel' THEN now() ELSE e.runnable_at END
  FROM locked WHERE e.id = locked.id
  RETURNING e.id, e.parent_id AS "parentId", e.owner IS NOT NULL AS "isOwned", e.parked`;

/** Open executions below one that no process owns and that are to be cancelled: the deepest first. */
export const CANCELLABLE_BELOW = `
  WITH RECURSIVE ${BELOW}
  SELECT e.id, e.attempt = 0 AS "isUnstarted", e.desired_state_by AS by, e.desired_state_reason AS reason
  FROM cloutagent.executions AS e
  WHERE e.id IN (SELECT id FROM below) AND e.owner IS NULL AND ${isOpen('e.')} AND e.desired_state = 'cancel'
    AND NOT EXISTS (SELECT FROM cloutagent.executions AS c WHERE c.parent_id = e.id AND c.completed_at IS NULL)
  ORDER BY e.depth DESC, e.id LIMIT 500`;

export const HAS_OPEN_CHILD = `
  SELECT EXISTS (
    SELECT FROM cloutagent.executions AS c
    WHERE c.parent_id = $1 AND ($2::text IS NULL OR c.parent_node_id = $2) AND c.completed_at IS NULL
  ) AS open`;

/**
 * Takes executions away from owners that have not ended them within the time since the cancel was requested. An owner that
 * waits for the ends of children keeps its execution. The next attempt makes every later append of the old owner fail.
 */
export const DISPLACE = `
  UPDATE cloutagent.executions AS e SET owner = NULL, attempt = e.attempt + 1, idle = false, parked = false,
    runnable_at = NULL
  WHERE e.completed_at IS NULL AND e.owner IS NOT NULL AND e.desired_state = 'cancel'
    AND e.desired_state_at < now() - $1 * interval '1 ms'
    AND NOT EXISTS (SELECT FROM cloutagent.executions AS c WHERE c.parent_id = e.id AND c.completed_at IS NULL)
  RETURNING e.id, e.desired_state_by AS by, e.desired_state_reason AS reason`;
