import { Injectable } from '@nestjs/common';
import type { Selectable } from 'kysely';
import { Database } from '../../database/database.js';
import type { Schema } from '../../database/schema.js';
import type { Round, RoundCall, StoredResult } from '../extension/agent-run.js';
import type { KeptOutput } from './kept-output.js';

const KEPT = `
  SELECT execution_id AS "executionId", node_id AS "nodeId", step_id AS "stepId", max(sequence) AS through
  FROM (
    SELECT execution_id, node_id, step_id, sequence FROM cloutagent.agent_rounds
    WHERE execution_id = ANY ($1::uuid[]) AND problem IS NULL
    UNION ALL
    SELECT execution_id, node_id, step_id, sequence FROM cloutagent.tool_calls
    WHERE execution_id = ANY ($1::uuid[]) AND sequence IS NOT NULL
  ) AS stored
  GROUP BY 1, 2, 3`;

/** Reads the rounds of agents. The journal writes them. */
@Injectable()
export class RoundRows {
  constructor(private readonly database: Database) {}

  /** Reads the rounds of one node, in their order. */
  async read(executionId: string, nodeId: string): Promise<Round[]> {
    const { kysely } = this.database;
    const [rounds, calls] = await Promise.all([
      kysely
        .selectFrom('agent_rounds')
        .selectAll()
        .where('execution_id', '=', executionId)
        .where('node_id', '=', nodeId)
        .orderBy('round')
        .execute(),
      kysely
        .selectFrom('tool_calls')
        .selectAll()
        .where('execution_id', '=', executionId)
        .where('node_id', '=', nodeId)
        .orderBy('round')
        .orderBy('index')
        .execute(),
    ]);
    const callsOf = Map.groupBy(calls, ({ round }) => round);
    return rounds.map(({ round, content, problem }) => ({
      round,
      content,
      problem: problem ?? undefined,
      calls: (callsOf.get(round) ?? []).map(toCall),
    }));
  }

  /** Reads which steps have stored work, by execution. */
  async readKept(executionIds: readonly string[]): Promise<Map<string, KeptOutput[]>> {
    const { rows } = await this.database.pool.query<KeptOutput & { executionId: string }>({
      name: 'kept-outputs',
      text: KEPT,
      values: [executionIds],
    });
    return Map.groupBy(rows, ({ executionId }) => executionId);
  }
}

const toCall = (row: Selectable<Schema['tool_calls']>): RoundCall => ({
  round: row.round,
  index: row.index,
  toolId: row.tool_id,
  toolName: row.tool_name,
  args: row.args,
  refusal: row.refusal ?? undefined,
  started: row.started,
  result: (row.result as StoredResult | null) ?? undefined,
  recorded: row.sequence !== null,
});
