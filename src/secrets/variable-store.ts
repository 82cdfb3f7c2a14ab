import { Inject, Injectable } from '@nestjs/common';
import type { Json, Variable } from '@cloutagent/contract';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { NotFoundError } from '../problems/problem.error.js';
import { lockValues } from './value-lock.js';

const VARIABLE = `
  project_id AS "projectId", name, value, created_at AS "createdAt", updated_at AS "updatedAt",
  updated_by AS "updatedBy"`;

type VariableRow = Omit<Variable, 'createdAt' | 'updatedAt'> & { createdAt: Date; updatedAt: Date };

/** The variables of all projects: plain values that configs refer to. */
@Injectable()
export class VariableStore {
  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_VARIABLES_PER_PROJECT'>,
  ) {}

  /** @throws ProblemError 409 `too_many_values` */
  async set(projectId: string, name: string, value: Json, by: string): Promise<Variable> {
    return this.database.transaction(async (client) => {
      await lockValues(client, 'variables', projectId, name, this.settings.MAX_VARIABLES_PER_PROJECT);
      const { rows } = await client.query<VariableRow>(
        `INSERT INTO cloutagent.variables (project_id, name, value, updated_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value, updated_at = now(),
           updated_by = excluded.updated_by
         RETURNING ${VARIABLE}`,
        [projectId, name, JSON.stringify(value), by],
      );
      return toVariable(rows[0]!);
    });
  }

  async list(projectId: string): Promise<Variable[]> {
    const { rows } = await this.database.pool.query<VariableRow>(
      `SELECT ${VARIABLE} FROM cloutagent.variables WHERE project_id = $1 ORDER BY name`,
      [projectId],
    );
    return rows.map(toVariable);
  }

  /** @throws NotFoundError */
  async get(projectId: string, name: string): Promise<Variable> {
    const { rows } = await this.database.pool.query<VariableRow>(
      `SELECT ${VARIABLE} FROM cloutagent.variables WHERE project_id = $1 AND name = $2`,
      [projectId, name],
    );
    if (!rows[0]) throw new NotFoundError('variable');
    return toVariable(rows[0]);
  }

  /** @throws NotFoundError */
  async delete(projectId: string, name: string): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      'DELETE FROM cloutagent.variables WHERE project_id = $1 AND name = $2',
      [projectId, name],
    );
    if (rowCount === 0) throw new NotFoundError('variable');
  }

  /** Returns those of the names that are variables of the project. */
  async known(projectId: string, names: readonly string[]): Promise<Set<string>> {
    const { rows } = await this.database.pool.query<{ name: string }>(
      'SELECT name FROM cloutagent.variables WHERE project_id = $1 AND name = ANY ($2)',
      [projectId, names],
    );
    return new Set(rows.map(({ name }) => name));
  }

  /** Reads the values of those of the names that exist. */
  async find(projectId: string, names: readonly string[]): Promise<Map<string, Json>> {
    const { rows } = await this.database.pool.query<{ name: string; value: Json }>({
      name: 'find-variables',
      text: 'SELECT name, value FROM cloutagent.variables WHERE project_id = $1 AND name = ANY ($2)',
      values: [projectId, names],
    });
    return new Map(rows.map(({ name, value }) => [name, value]));
  }
}

const toVariable = ({ createdAt, updatedAt, ...row }: VariableRow): Variable => ({
  ...row,
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});
