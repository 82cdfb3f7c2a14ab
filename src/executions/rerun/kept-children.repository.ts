import { Injectable } from '@nestjs/common';
import type { ExecutionStatus, Json } from '@cloutagent/contract';
import { Database } from '../../database/database.js';

/** A child execution, as far as a re-run of its parent needs it. */
export interface EndedChild {
  id: string;
  index: number;
  status: ExecutionStatus;
  /** Whether a process has run it. */
  isStarted: boolean;
  input: Json;
  /** Equal for children whose workflows are stored as the same text. */
  workflowKey: string;
  /** null unless it has completed. */
  output: Json;
  /** Whether a person has answered a wait of it or of an execution below it. */
  isAnswered: boolean;
}

/** What the child executions of one node are like. */
export interface ChildrenOfNode {
  nodeId: string;
  hasFailed: boolean;
  isAnswered: boolean;
}

// The executions below `tops`, with the one of `tops` that they are below, and those of `tops` that a person has answered. Only
// executions that have waited for children are searched for them: each search may read all executions, because PostgreSQL
// takes a parent with many children for the usual one.
// A child that is a re-run itself may have kept an answered step. An output with this text only causes a question more.
const isParent = (id: string): string =>
  `EXISTS (SELECT FROM cloutagent.waits AS w WHERE w.execution_id = ${id} AND w.kind = 'children')`;
const ANSWERED = `
  tree AS (
    SELECT id AS top, id, kept::text AS kept, ${isParent('tops.id')} AS "isParent" FROM tops
    UNION ALL
    SELECT tree.top, e.id, e.kept, e."isParent" FROM tree CROSS JOIN LATERAL (
      SELECT c.id, c.kept::text AS kept, ${isParent('c.id')} AS "isParent" FROM cloutagent.executions AS c
      WHERE tree."isParent" AND c.parent_id = tree.id AND NOT c.superseded OFFSET 0
    ) AS e
  ),
  answered AS MATERIALIZED (
    SELECT DISTINCT top AS id FROM tree WHERE position('"isAnswered":true' IN kept) > 0 OR EXISTS (
      SELECT FROM cloutagent.waits AS w
      WHERE w.execution_id = tree.id AND w.outcome = 'answered' AND w.kind IN ('approval', 'tool', 'failure')
    )
  )`;

const NODES = `
  WITH RECURSIVE tops AS (
    SELECT id, parent_node_id, status, kept FROM cloutagent.executions WHERE parent_id = $1 AND NOT superseded
  ), ${ANSWERED}
  SELECT parent_node_id AS "nodeId", bool_or(status <> 'completed') AS "hasFailed",
    bool_or(id IN (SELECT id FROM answered)) AS "isAnswered"
  FROM tops GROUP BY parent_node_id`;

// The running sum ends the page at its size. The first child is returned whatever its size.
const PAGE = `
  WITH RECURSIVE tops AS MATERIALIZED (
    SELECT * FROM (
      SELECT *, sum(bytes) OVER (ORDER BY parent_index) - bytes AS before FROM (
        SELECT id, parent_index, status, started_at, input, output, kept,
          encode(sha256(convert_to(workflow::text, 'UTF8')), 'hex') AS "workflowKey",
          octet_length(input::text) + coalesce(octet_length(output::text), 0) AS bytes
        FROM cloutagent.executions
        WHERE parent_id = $1 AND parent_node_id = $2 AND parent_index > $3 AND NOT superseded
        ORDER BY parent_index LIMIT 500
      ) AS page
    ) AS c WHERE before < $4
  ), ${ANSWERED}
  SELECT id, parent_index AS index, status, started_at IS NOT NULL AS "isStarted", input, output, "workflowKey",
    id IN (SELECT id FROM answered) AS "isAnswered"
  FROM tops ORDER BY parent_index`;

const PAGE_BYTES = 4_194_304;

/** Reads the child executions of an execution that has ended. */
@Injectable()
export class KeptChildrenRepository {
  constructor(private readonly database: Database) {}

  /** Reads which nodes have child executions. */
  async findNodes(parentId: string): Promise<ChildrenOfNode[]> {
    return (await this.database.pool.query<ChildrenOfNode>(NODES, [parentId])).rows;
  }

  /** Reads the children of one node in the order of their indexes, a few MB at a time. */
  async *read(parentId: string, nodeId: string): AsyncGenerator<EndedChild[]> {
    for (let after = -1; ;) {
      const values = [parentId, nodeId, after, PAGE_BYTES];
      const { rows } = await this.database.pool.query<EndedChild>(PAGE, values);
      if (rows.length === 0) return;
      yield rows;
      after = rows.at(-1)!.index;
    }
  }
}
