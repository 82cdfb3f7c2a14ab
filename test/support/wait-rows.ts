import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { v7 } from '../../src/common/uuid.js';

export interface ExecutionFields {
  projectId: string;
  status: string;
  desiredState: string;
  workflow: object;
}

export interface WaitFields {
  kind: string;
  nodeId: string;
  key: string;
  details: object;
  signal: string | null;
  assignees: string[] | null;
  /** In ms from now. */
  untilMs: number | null;
}

/**
 * Writes rows of executions and waits as the engine does, and reads them. The executions are paused and never claimed, so
 * that a test sees what an answer writes and no engine applies it.
 */
export class WaitRows {
  private lastTime = 0;

  private constructor(readonly client: pg.Client) {}

  static async open(database: string): Promise<WaitRows> {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    return new WaitRows(client);
  }

  async execution(fields: Partial<ExecutionFields> = {}): Promise<string> {
    const { projectId = 'demo', status = 'paused', desiredState = 'pause', workflow } = fields;
    const id = v7();
    await this.client.query(
      `INSERT INTO cloutagent.executions
         (id, project_id, status, input, workflow, options, created_by, started_at, completed_at, desired_state, parked,
          runnable_at)
       VALUES ($1, $2, $3, 'null', $4, '{}', 'key:test', now(),
         CASE WHEN $3 IN ('completed', 'failed', 'cancelled') THEN now() END, $5, true,
         CASE WHEN $3 NOT IN ('completed', 'failed', 'cancelled') THEN 'infinity'::timestamptz END)`,
      [id, projectId, status, JSON.stringify(workflow ?? { nodes: [], edges: [] }), desiredState],
    );
    return id;
  }

  async wait(executionId: string, fields: Partial<WaitFields> = {}): Promise<string> {
    const { kind = 'approval', nodeId = 'review', key = kind, details = {}, untilMs = null } = fields;
    // Ids of the same millisecond have no order.
    this.lastTime = Math.max(Date.now(), this.lastTime + 1);
    const id = v7(this.lastTime);
    await this.client.query(
      `INSERT INTO cloutagent.waits
         (id, execution_id, project_id, node_id, step_id, key, kind, request, signal, assignees, until)
       SELECT $1, e.id, e.project_id, $3, $4, $5, $6, $7, $8, $9, now() + $10 * interval '1 ms'
       FROM cloutagent.executions AS e WHERE e.id = $2`,
      [
        id,
        executionId,
        nodeId,
        randomUUID(),
        key,
        kind,
        JSON.stringify(details),
        fields.signal ?? null,
        fields.assignees ?? null,
        untilMs,
      ],
    );
    return id;
  }

  /** Inserts an execution that waits. @returns the id of the wait */
  async waiting(fields: Partial<WaitFields & ExecutionFields> = {}): Promise<string> {
    return this.wait(await this.execution(fields), fields);
  }

  /** Records the events of an execution, from sequence 1 on. */
  async record(
    executionId: string,
    events: readonly ({ type: string } & Record<string, unknown>)[],
  ): Promise<void> {
    for (const [index, { type, ...fields }] of events.entries())
      await this.client.query(
        'INSERT INTO cloutagent.events (execution_id, sequence, type, data) VALUES ($1, $2, $3, $4)',
        [
          executionId,
          index + 1,
          type,
          JSON.stringify({ executionId, timestamp: new Date(index * 1_000).toISOString(), ...fields }),
        ],
      );
  }

  async stored(waitId: string): Promise<Record<string, unknown>> {
    const { rows } = await this.client.query<Record<string, unknown>>(
      'SELECT outcome, answer, settled_by AS by FROM cloutagent.waits WHERE id = $1',
      [waitId],
    );
    return rows[0]!;
  }

  close(): Promise<void> {
    return this.client.end();
  }
}
