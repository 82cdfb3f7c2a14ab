import { Injectable } from '@nestjs/common';
import type { SavedWorkflow } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../auth/principal.js';
import { JsonSchemas } from '../engine/nodes/json-schemas.js';
import { NotFoundError, ValidationFailedError } from '../problems/problem.error.js';
import { type SaveRequest, WorkflowStore } from './workflow-store.js';
import { WorkflowValidator } from './workflow-validator.js';

/** Saves workflows that can run. */
@Injectable()
export class WorkflowSaver {
  constructor(
    private readonly store: WorkflowStore,
    private readonly validator: WorkflowValidator,
    private readonly schemas: JsonSchemas,
  ) {}

  /**
   * Checks a workflow as it is checked when it is posted, and saves it as the next version.
   * @returns the newest version, and whether it is new
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the workflow cannot run, or if the inputSchema is no JSON Schema
   * @throws ProblemError as `WorkflowValidator.check` and `WorkflowStore.save`
   */
  async save(
    request: Omit<SaveRequest, 'by'>,
    principal: Principal,
  ): Promise<{ saved: SavedWorkflow; isNew: boolean }> {
    const { projectId, content } = request;
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    await this.validator.check({ projectId, workflow: content.workflow, options: content.options });
    if (content.inputSchema) await this.checkSchema(projectId, content.inputSchema);
    return this.store.save({ ...request, by: principal.id });
  }

  private async checkSchema(projectId: string, schema: Record<string, unknown>): Promise<void> {
    const problems = await this.schemas.check(schema, { projectId, request: schema });
    if (problems.length > 0)
      throw new ValidationFailedError(
        problems.map(({ path, message }) => ({ path: ['inputSchema', ...path].join('.'), message })),
      );
  }
}
