import { Injectable } from '@nestjs/common';
import type { SavedWorkflow } from '@cloutagent/contract';
import { ownsProject, type Principal } from '../auth/principal.js';
import { JsonSchemas } from '../engine/nodes/json-schemas.js';
import { NotFoundError, ProblemError, ValidationFailedError } from '../problems/problem.error.js';
import { credentialWarnings, ValuePermission } from './values/value-permission.js';
import { type SaveRequest, WorkflowStore } from './workflow-store.js';
import { WorkflowValidator } from './workflow-validator.js';

/** Saves workflows that can run. */
@Injectable()
export class WorkflowSaver {
  constructor(
    private readonly store: WorkflowStore,
    private readonly validator: WorkflowValidator,
    private readonly schemas: JsonSchemas,
    private readonly values: ValuePermission,
  ) {}

  /**
   * Checks a workflow as it is checked when it is posted, and saves it as the next version.
   * @returns the newest version, with warnings about its graph, and whether it is new
   * @throws NotFoundError if the project is not the principal's
   * @throws ValidationFailedError if the workflow cannot run, or if the inputSchema is no JSON Schema
   * @throws ProblemError 403 `secret_not_allowed` if the workflow uses secrets and the principal may not, and as `WorkflowValidator.check` and `WorkflowStore.save`
   */
  async save(
    request: Omit<SaveRequest, 'by'>,
    principal: Principal,
  ): Promise<{ saved: SavedWorkflow; isNew: boolean }> {
    const { projectId, name, content } = request;
    const { workflow, options, inputSchema } = content;
    if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
    await this.validator.check({ projectId, workflow, options, name });
    this.values.assertMayWrite(workflow, principal);
    if (inputSchema) await this.checkSchema(projectId, inputSchema);
    const { saved, isNew } = await this.store.save({ ...request, by: principal.id });
    const warnings = credentialWarnings(workflow);
    return { saved: warnings.length > 0 ? { ...saved, warnings } : saved, isNew };
  }

  private async checkSchema(projectId: string, schema: Record<string, unknown>): Promise<void> {
    const check = { projectId, request: schema };
    const problems = await this.schemas.check(schema, check, { placeholders: false });
    if (problems.length === 0) return;
    const errors = problems.map(({ path, message }) => ({
      path: ['inputSchema', ...path].join('.'),
      message,
    }));
    if (problems[0]!.code === 'expression_too_complex')
      throw new ProblemError('expression_too_complex', undefined, { errors });
    throw new ValidationFailedError(errors);
  }
}
