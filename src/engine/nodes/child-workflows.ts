import { Injectable } from '@nestjs/common';
import type { Json, Workflow } from '@cloutagent/contract';
import { NodeError, type NodeRun } from '../extension/node-handler.js';
import { SavedWorkflows } from '../extension/saved-workflows.js';
import type { ChildrenRequest } from '../extension/waiting.js';
import { JsonSchemas } from './json-schemas.js';

/** The workflow of child executions, and the schema that their inputs must fit. */
interface ChildWorkflow extends Pick<ChildrenRequest, 'workflow' | 'savedAs'> {
  readonly inputSchema: Record<string, unknown> | null;
}

/** Finds the workflow of a node's child executions: that of its config, or a saved one. */
@Injectable()
export class ChildWorkflows {
  constructor(
    private readonly saved: SavedWorkflows,
    private readonly schemas: JsonSchemas,
  ) {}

  /** @throws NodeError `workflow_unavailable` */
  async of(
    run: NodeRun<{ workflow?: Workflow | undefined; ref?: string | undefined }>,
  ): Promise<ChildWorkflow> {
    const { workflow, ref = '' } = run.config;
    if (workflow) return { workflow, inputSchema: null };
    const saved = await this.saved.findForChildren(run, ref);
    if (!saved)
      throw new NodeError(
        'workflow_unavailable',
        `The project has no saved workflow ${ref}. Save it, or correct the name, the version or the alias.`,
      );
    const { name, version, inputSchema } = saved;
    return { workflow: saved.workflow, savedAs: { name, version }, inputSchema };
  }

  /**
   * Checks the inputs of child executions that have not begun.
   * @throws NodeError `input_invalid`; the reason of the run's signal
   */
  async checkInputs(
    run: NodeRun<unknown>,
    { inputSchema, savedAs }: ChildWorkflow,
    inputs: readonly Json[],
  ): Promise<void> {
    if (!inputSchema) return;
    const { projectId, signal } = run;
    const wrong = await run.untimed(() =>
      this.schemas.findWrongInput(projectId, inputSchema, inputs, signal),
    );
    if (!wrong) return;
    const { index, problems } = wrong;
    const which = inputs.length > 1 ? `input ${index}` : 'input';
    const { path, message } = problems[0]!;
    throw new NodeError(
      'input_invalid',
      `The ${which} does not fit the inputSchema of ${savedAs!.name}@${savedAs!.version}: ${path || 'it'} ${message}.`,
    );
  }
}
