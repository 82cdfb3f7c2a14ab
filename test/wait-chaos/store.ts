import type pg from 'pg';
import { dataOf } from '../../src/journal/stored-event.js';
import type { StoredEvent, StoredExecution, StoredTree, StoredWait } from './rules.ts';
import { reduced } from './rules.ts';

const TREE = `SELECT id FROM cloutagent.executions WHERE id = $1 OR root_id = $1`;

/** Reads a tree with all that is stored of it. */
export async function readTree(database: pg.Pool, rootId: string): Promise<StoredTree> {
  const rows = await database.query<Omit<StoredExecution, 'events' | 'waits'>>(
    `SELECT id, parent_id AS "parentId", status, completed_at AS "completedAt", owner, runnable_at AS "runnableAt",
       superseded, workflow FROM cloutagent.executions WHERE id IN (${TREE}) ORDER BY depth, id`,
    [rootId],
  );
  const events = await database.query<Omit<StoredEvent, 'data'> & { execution: string; data: string }>(
    `SELECT execution_id AS execution, sequence, type, data, xmin::text::bigint::float8 AS xid
     FROM cloutagent.events WHERE execution_id IN (${TREE}) ORDER BY execution_id, sequence`,
    [rootId],
  );
  const waits = await database.query<StoredWait & { execution: string }>(
    `SELECT execution_id AS execution, id, node_id AS "nodeId", key, kind, outcome, recorded
     FROM cloutagent.waits WHERE execution_id IN (${TREE}) ORDER BY id`,
    [rootId],
  );
  const usage = await database.query<{ input: number; output: number }>(
    `SELECT coalesce(sum(input), 0)::float8 AS input, coalesce(sum(output), 0)::float8 AS output
     FROM cloutagent.tree_usage WHERE root_id = $1`,
    [rootId],
  );
  const eventsOf = Map.groupBy(events.rows, ({ execution }) => execution);
  const waitsOf = Map.groupBy(waits.rows, ({ execution }) => execution);
  return {
    executions: rows.rows.map((row) => ({
      ...row,
      events: (eventsOf.get(row.id) ?? []).map((event) => ({
        ...event,
        data: JSON.parse(dataOf(row.id, event.data)) as Record<string, unknown>,
      })),
      waits: waitsOf.get(row.id) ?? [],
    })),
    treeUsage: usage.rows[0],
  };
}

/** An execution and its waits that a random request may be for. */
export interface Target {
  id: string;
  isRoot: boolean;
  status: string;
  /** `pause` also for a child that was paused before it began. */
  desired: string;
  waits: { id: string; kind: string; outcome: string | null }[];
  lastSequence: number;
}

export async function readTargets(database: pg.Pool, rootId: string): Promise<Target[]> {
  const { rows } = await database.query<Target>({
    name: 'targets',
    text: `SELECT e.id, e.parent_id IS NULL AS "isRoot", e.status,
      e.desired_state AS desired,
      coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = e.id), 0) AS "lastSequence",
      coalesce((
        SELECT json_agg(json_build_object('id', w.id, 'kind', w.kind, 'outcome', w.outcome))
        FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND w.kind NOT IN ('timer', 'children')), '[]') AS waits
      FROM cloutagent.executions AS e WHERE e.id IN (${TREE}) ORDER BY e.depth, e.id`,
    values: [rootId],
  });
  return rows;
}

/**
 * Compares rows with the state that their events give, in one snapshot, and looks for what must not be at any moment: an
 * ended execution above an open one, and a parked one that nothing wakes.
 * @returns violations, one sentence each
 */
export async function sample(database: pg.Pool): Promise<{ compared: number; problems: string[] }> {
  const { rows } = await database.query<{ id: string; status: string; events: StoredEvent[] }>(`
    SELECT e.id, e.status, coalesce((
      SELECT json_agg(json_build_object('sequence', v.sequence, 'type', v.type, 'data', v.data::json) ORDER BY v.sequence)
      FROM cloutagent.events AS v WHERE v.execution_id = e.id AND v.type NOT IN ('execution:output', 'execution:thinking', 'execution:progress')
    ), '[]') AS events
    FROM cloutagent.executions AS e
    WHERE e.completed_at IS NULL OR e.completed_at > clock_timestamp() - interval '1 s'
    ORDER BY random() LIMIT 60`);
  const problems = rows.flatMap(({ id, status, events }) => {
    const expected = reduced(events).status;
    return status === expected
      ? []
      : [`${id}: its row was ${status} when the reducer said ${expected} (${events.length} events).`];
  });
  const above = await database.query<{ id: string; parent: string }>(`
    SELECT c.id, p.id AS parent FROM cloutagent.executions AS c JOIN cloutagent.executions AS p ON p.id = c.parent_id
    WHERE c.completed_at IS NULL AND p.completed_at IS NOT NULL LIMIT 5`);
  problems.push(
    ...above.rows.map(({ id, parent }) => `${id} was open after the end of its parent ${parent}.`),
  );
  const parked = await database.query<{ row: string }>(`
    SELECT (to_jsonb(e) - 'workflow' - 'input' || jsonb_build_object('now', clock_timestamp(), 'waits', (
      SELECT json_agg(to_jsonb(w) - 'request' ORDER BY w.id) FROM cloutagent.waits AS w WHERE w.execution_id = e.id)))::text AS row
    FROM cloutagent.executions AS e
    WHERE completed_at IS NULL AND owner IS NULL AND runnable_at IS NULL AND parked AND CASE desired_state
      WHEN 'pause' THEN status <> 'paused'
      WHEN 'run' THEN status <> 'waiting' OR NOT EXISTS (
          SELECT FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND w.outcome IS NULL)
        OR EXISTS (
          SELECT FROM cloutagent.waits AS w WHERE w.execution_id = e.id AND NOT w.recorded AND w.outcome IS NOT NULL)
      ELSE false END LIMIT 5`);
  problems.push(...parked.rows.map(({ row }) => `An execution is parked, and nothing wakes it: ${row}`));
  return { compared: rows.length, problems };
}
