import { Injectable } from '@nestjs/common';
import type { ExecutionOptions, StartExecution } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { WorkflowValidator } from '../../definitions/workflow-validator.js';
import { type ResolvedWorkflow, SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { JsonSchemas } from '../../engine/nodes/json-schemas.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import type { NewExecution } from '../executions.repository.js';
import { StartPermission } from './start-permission.js';

/** Graphs that were checked for the same batch, by their text. */
export type CheckedGraphs = Map<string, Promise<void>>;

const MAX_TAGS = 40;
const NEVER = new AbortController().signal;

/** Makes an execution of a request: reads the saved workflow that it names, and checks what it would run. */
@Injectable()
export class StartResolver {
  /** Versions whose graph this process has checked. A version never changes, so once is enough for its models and node types. */
  private readonly checked = new WeakSet<ResolvedWorkflow>();

  constructor(
    private readonly workflows: SavedWorkflows,
    private readonly validator: WorkflowValidator,
    private readonly schemas: JsonSchemas,
    private readonly permission: StartPermission,
  ) {}

  /**
   * Checks a request, and reads the saved workflow that it names.
   * @param graphs of the batch that the request is a part of: equal graphs are checked once
   * @throws NotFoundError if there is no such saved workflow
   * @throws ProblemError 403 `workflow_not_allowed`, 400 `input_invalid`, and those of `WorkflowValidator.check`
   */
  async resolve(
    request: StartExecution,
    principal: Principal,
    graphs?: CheckedGraphs,
  ): Promise<NewExecution> {
    const { workflow, workflowRef, ...rest } = request;
    const { projectId, options } = rest;
    if (workflow) {
      await this.permission.check(principal, { projectId, saved: undefined, allowed: {}, options });
      const execution = { ...rest, workflow };
      await this.checkGraph(execution, graphs);
      return execution;
    }
    const saved = await this.workflows.find(projectId, workflowRef!);
    if (!saved) throw new NotFoundError(`saved workflow ${workflowRef}`);
    await this.permission.check(principal, { projectId, saved, allowed: saved.options, options });
    const execution = {
      ...rest,
      workflow: saved.workflow,
      options: merged(saved.options, options),
      tags: [...new Set([...saved.tags, ...rest.tags])].slice(0, MAX_TAGS),
      savedAs: { name: saved.name, version: saved.version },
    };
    await this.checkSaved(execution, saved);
    await this.checkInput(request, saved);
    return execution;
  }

  private checkGraph(execution: NewExecution, graphs: CheckedGraphs | undefined): Promise<void> {
    if (!graphs) return this.validator.check(execution);
    const { projectId, workflow, options } = execution;
    const text = JSON.stringify([projectId, workflow, options?.limits?.maxCostUSD !== undefined]);
    const known = graphs.get(text) ?? this.validator.check(execution);
    graphs.set(text, known);
    return known;
  }

  private async checkSaved(execution: NewExecution, saved: ResolvedWorkflow): Promise<void> {
    // A limit of the cost needs the price of each model, which the check at saving did not ask for.
    const limitsCost = execution.options?.limits?.maxCostUSD !== undefined;
    if (this.checked.has(saved) && !limitsCost) return;
    await this.validator.check(execution);
    this.checked.add(saved);
  }

  private async checkInput({ projectId, input }: StartExecution, saved: ResolvedWorkflow): Promise<void> {
    if (!saved.inputSchema) return;
    const errors = await this.schemas.validate(projectId, saved.inputSchema, input, NEVER, 'input');
    if (errors.length > 0)
      throw new ProblemError(
        'input_invalid',
        `The input does not fit the inputSchema of ${saved.name}@${saved.version}; \`errors\` lists every path to correct.`,
        { errors },
      );
  }
}

/** Options of a request replace those of the definition one by one. */
const merged = (ofDefinition: ExecutionOptions, given: ExecutionOptions | undefined): ExecutionOptions => {
  const limits = { ...ofDefinition.limits, ...defined(given?.limits) };
  return {
    ...ofDefinition,
    ...defined(given),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
};

/** Leaves out members that are undefined. */
const defined = <T extends object>(value: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(value ?? {}).filter(([, member]) => member !== undefined)) as Partial<T>;
