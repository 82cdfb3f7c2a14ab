import { Injectable } from '@nestjs/common';
import type { ExecutionOptions, Workflow } from '@cloutagent/contract';
import { Database } from '../database/database.js';
import { NotFoundError } from '../problems/problem.error.js';

/** A version of a saved workflow, as executions need it. */
export interface ResolvedWorkflow {
  readonly name: string;
  readonly version: number;
  readonly workflow: Workflow;
  readonly inputSchema: Record<string, unknown> | null;
  readonly options: ExecutionOptions;
  readonly tags: readonly string[];
}

const FIND = `
  SELECT v.name, v.version, v.workflow, v.input_schema AS "inputSchema", v.options, v.tags
  FROM cloutagent.workflows AS w JOIN cloutagent.workflow_versions AS v USING (project_id, name)
  WHERE w.project_id = $1 AND w.name = $2 AND w.deleted_at IS NULL AND v.version = CASE
    WHEN $3::text IS NULL THEN (SELECT max(version) FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2)
    WHEN $3 ~ '^[0-9]+$' THEN $3::bigint
    ELSE (SELECT version FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2 AND alias = $3) END`;

/** Reads saved workflows for executions. */
@Injectable()
export class SavedWorkflows {
  constructor(private readonly database: Database) {}

  /**
   * Reads the version that a ref names.
   * @param ref `name`, `name@3` or `name@production`
   * @throws NotFoundError
   */
  async find(projectId: string, ref: string): Promise<ResolvedWorkflow> {
    const [name, version] = ref.split('@');
    const { rows } = await this.database.pool.query<ResolvedWorkflow>({
      name: 'saved-workflow',
      text: FIND,
      values: [projectId, name, version ?? null],
    });
    if (!rows[0]) throw new NotFoundError(`saved workflow ${ref}`);
    return rows[0];
  }
}
