import { Inject, Injectable } from '@nestjs/common';
import type { Json, StartExecution } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { ValuePermission } from '../../definitions/values/value-permission.js';
import { WorkflowValidator } from '../../definitions/workflow-validator.js';
import { type ResolvedWorkflow, SavedWorkflows } from '../../engine/extension/saved-workflows.js';
import { JsonSchemas } from '../../engine/nodes/json-schemas.js';
import { NotFoundError, ProblemError } from '../../problems/problem.error.js';
import type { NewExecution } from '../executions.repository.js';
import { mergedOptions } from './merged-options.js';
import { StartPermission } from './start-permission.js';
import { checkStartAt } from './start-time.js';

/** Checks the graph of an execution. Throws if it cannot run, unless the caller collects what is wrong with it. */
export type GraphCheck = (execution: NewExecution) => Promise<void>;

const NEVER = new AbortController().signal;

/** Makes an execution of a request: reads the saved workflow that it names, and checks what it would run. */
@Injectable()
export class StartResolver {
  /**
   * Versions whose graph this process has checked. A version never changes, so once is enough. Each process checks it,
   * because its models and node types can differ from those of the process that saved it.
   */
  private readonly checked = new WeakSet<ResolvedWorkflow>();
  /** Those that were checked with the price of each model. */
  private readonly priced = new WeakSet<ResolvedWorkflow>();

  constructor(
    private readonly workflows: SavedWorkflows,
    private readonly validator: WorkflowValidator,
    private readonly schemas: JsonSchemas,
    private readonly permission: StartPermission,
    private readonly values: ValuePermission,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_START_DELAY_DAYS'>,
  ) {}

  /**
   * Checks a request, and reads the saved workflow that it names.
   * @param checkGraph called with the graph of the request, or with the saved one that it names
   * @throws NotFoundError if there is no such saved workflow
   * @throws ProblemError 403 `workflow_not_allowed`, 403 `secret_not_allowed`, 400 `secret_unknown`, 400 `input_invalid`, and
   *   those of `checkGraph`: by default, those of `WorkflowValidator.check`
   */
  async resolve(
    request: StartExecution,
    principal: Principal,
    checkGraph?: GraphCheck,
  ): Promise<NewExecution> {
    const { workflow, workflowRef, ...rest } = request;
    const { projectId, options } = rest;
    checkStartAt(rest.startAt, this.settings.MAX_START_DELAY_DAYS);
    if (workflow) {
      await this.permission.check(principal, { projectId, saved: undefined, options });
      const execution = { ...rest, workflow };
      await (checkGraph ? checkGraph(execution) : this.validator.check(execution));
      await this.values.check(execution, principal);
      return execution;
    }
    this.permission.checkName(principal, workflowRef!);
    const saved = await this.workflows.find(projectId, workflowRef!);
    if (!saved) throw new NotFoundError('saved workflow', workflowRef);
    const execution = {
      ...rest,
      workflow: saved.workflow,
      options: mergedOptions(saved.options, options),
      tags: [...new Set([...saved.tags, ...rest.tags])],
      savedAs: { name: saved.name, version: saved.version },
    };
    await this.permission.check(principal, { projectId, saved, options: execution.options });
    await (checkGraph ? checkGraph(execution) : this.checkOnce(execution, saved));
    await this.values.check(execution, undefined);
    await this.checkInput(projectId, saved, rest.input);
    return execution;
  }

  /**
   * Checks another input for an execution of a saved workflow. If its version has been deleted, every input fits.
   * @throws ProblemError 400 `input_invalid`, 503 `no_worker_free`
   */
  async checkNewInput({ projectId, savedAs, input }: NewExecution): Promise<void> {
    const saved = savedAs && (await this.workflows.find(projectId, `${savedAs.name}@${savedAs.version}`));
    if (saved) await this.checkInput(projectId, saved, input);
  }

  private async checkOnce(execution: NewExecution, saved: ResolvedWorkflow): Promise<void> {
    const needsPrices = execution.options?.limits?.maxCostUSD !== undefined;
    const checked = needsPrices ? this.priced : this.checked;
    if (checked.has(saved)) return;
    await this.validator.check(execution);
    this.checked.add(saved);
    checked.add(saved);
  }

  private async checkInput(
    projectId: string,
    { name, version, inputSchema }: ResolvedWorkflow,
    input: Json,
  ): Promise<void> {
    if (!inputSchema) return;
    const errors = await this.schemas.validate(projectId, inputSchema, input, NEVER, 'input');
    if (errors.length === 0) return;
    const detail = `The input does not fit the inputSchema of ${name}@${version}; \`errors\` lists every path to correct.`;
    throw new ProblemError('input_invalid', detail, { errors });
  }
}
