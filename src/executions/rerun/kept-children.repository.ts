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

// A child that is a re-run itself may have kept an answered step. An output with this text only causes a question more.
const ANSWERED = `
  EXISTS (
    WITH RECURSIVE tree AS (
      SELECT c.id, c.kept::text AS kept
      UNION ALL
      SELECT e.id, e.kept::text FROM tree JOIN cloutagent.executions AS e ON e.parent_id = tree.id WHERE NOT e.superseded
    )
    SELECT FROM tree WHERE position('"isAnswered":true' IN kept) > 0 OR EXISTS (
      SELECT FROM cloutagent.waits AS w
      WHERE w.execution_id = tree.id AND w.outcome = 'answered' AND w.kind IN ('approval', 'tool', 'failure')
    )
  )`;

const NODES = `
  SELECT parent_node_id AS "nodeId", bool_or(status <> 'completed') AS "hasFailed", bool_or(${ANSWERED}) AS "isAnswered"
  FROM cloutagent.executions AS c WHERE parent_id = $1 AND NOT superseded GROUP BY parent_node_id`;

// The running sum ends the page at its size. The first child is returned whatever its size.
const PAGE = `
  SELECT c.id, parent_index AS index, status, started_at IS NOT NULL AS "isStarted", input, output, "workflowKey",
    ${ANSWERED} AS "isAnswered"
  FROM (
    SELECT *, sum(bytes) OVER (ORDER BY parent_index) - bytes AS before FROM (
      SELECT id, parent_index, status, started_at, input, output, kept,
        encode(sha256(convert_to(workflow::text, 'UTF8')), 'hex') AS "workflowKey",
        octet_length(input::text) + coalesce(octet_length(output::text), 0) AS bytes
      FROM cloutagent.executions
      WHERE parent_id = $1 AND parent_node_id = $2 AND parent_index > $3 AND NOT superseded
      ORDER BY parent_index LIMIT 500
    ) AS page
  ) AS c WHERE before < $4 ORDER BY parent_index`;

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
