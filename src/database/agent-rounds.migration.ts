import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The rounds of agents: whole answers of models, and what became of the calls of tools in them. */
export const agentRounds: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      CREATE TABLE cloutagent.agent_rounds (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        node_id text NOT NULL,
        round int NOT NULL,
        step_id text NOT NULL,
        sequence int NOT NULL,
        content json NOT NULL,
        problem text,
        PRIMARY KEY (execution_id, node_id, round)
      )`.execute(db);
    await sql`
      CREATE TABLE cloutagent.tool_calls (
        execution_id uuid NOT NULL REFERENCES cloutagent.executions ON DELETE CASCADE,
        node_id text NOT NULL,
        round int NOT NULL,
        index int NOT NULL,
        tool_id text NOT NULL,
        tool_name text NOT NULL,
        args json NOT NULL,
        refusal text,
        started boolean NOT NULL,
        result json,
        step_id text,
        sequence int,
        PRIMARY KEY (execution_id, node_id, round, index)
      )`.execute(db);
  },
};
