import { Injectable } from '@nestjs/common';
import type { PutTrigger, TriggerSource } from '@cloutagent/contract';
import { Database } from '../../database/database.js';

/** A row of the table `triggers`. */
export interface TriggerRow {
  projectId: string;
  name: string;
  workflowRef: string;
  source: TriggerSource;
  /** The name of the secret. */
  secret: string;
  /** A JSONata expression; null: the input is the body. */
  map: string | null;
  enabled: boolean;
  lastAt: Date | null;
  lastExecutionId: string | null;
  lastError: string | null;
  createdAt: Date;
  updatedAt: Date;
  createdBy: string;
}

const COLUMNS = `
  project_id AS "projectId", name, workflow_ref AS "workflowRef", source, secret, map, enabled, last_at AS "lastAt",
  last_execution_id AS "lastExecutionId", last_error AS "lastError", created_at AS "createdAt",
  updated_at AS "updatedAt", created_by AS "createdBy"`;

const SAVE = `
  INSERT INTO cloutagent.triggers (project_id, name, workflow_ref, source, secret, map, enabled, created_by)
  SELECT $1, $2, $3, $4, $5, $6, $7, $8
  WHERE EXISTS (SELECT FROM cloutagent.triggers WHERE project_id = $1 AND name = $2)
    OR (SELECT count(*) FROM cloutagent.triggers WHERE project_id = $1) < $9
  ON CONFLICT (project_id, name) DO UPDATE SET workflow_ref = $3, source = $4, secret = $5, map = $6, enabled = $7,
    updated_at = now()
  RETURNING ${COLUMNS}`;

/** The statements on triggers. */
@Injectable()
export class TriggersRepository {
  constructor(private readonly database: Database) {}

  async find(projectId: string, name: string): Promise<TriggerRow | undefined> {
    const { rows } = await this.database.pool.query<TriggerRow>({
      name: 'trigger-find',
      text: `SELECT ${COLUMNS} FROM cloutagent.triggers WHERE project_id = $1 AND name = $2`,
      values: [projectId, name],
    });
    return rows[0];
  }

  async list(projectId: string): Promise<TriggerRow[]> {
    const { rows } = await this.database.pool.query<TriggerRow>(
      `SELECT ${COLUMNS} FROM cloutagent.triggers WHERE project_id = $1 ORDER BY name`,
      [projectId],
    );
    return rows;
  }

  /**
   * Inserts a trigger or replaces its content.
   * @returns undefined if the project would have more than `limit`
   */
  async save(
    projectId: string,
    name: string,
    { workflowRef, source, secret, map, enabled }: PutTrigger,
    createdBy: string,
    limit: number,
  ): Promise<TriggerRow | undefined> {
    const values = [projectId, name, workflowRef, source, secret, map ?? null, enabled, createdBy, limit];
    return (await this.database.pool.query<TriggerRow>(SAVE, values)).rows[0];
  }

  /** @returns whether it existed */
  async delete(projectId: string, name: string): Promise<boolean> {
    const { rowCount } = await this.database.pool.query(
      'DELETE FROM cloutagent.triggers WHERE project_id = $1 AND name = $2',
      [projectId, name],
    );
    return rowCount === 1;
  }

  /** Stores what a genuine request has led to. */
  async used(
    { projectId, name }: TriggerRow,
    { executionId, error }: { executionId?: string | undefined; error?: string | undefined },
  ): Promise<void> {
    await this.database.pool.query({
      name: 'trigger-used',
      text: `UPDATE cloutagent.triggers SET last_at = now(), last_execution_id = coalesce($3, last_execution_id),
          last_error = $4 WHERE project_id = $1 AND name = $2`,
      values: [projectId, name, executionId ?? null, error ?? null],
    });
  }
}
