import { Inject, Injectable } from '@nestjs/common';
import { checkGraph, type StartExecution } from '@cloutagent/contract';
import { Settings } from '../../config/settings.js';
import { NodeRegistry, type WorkflowProblem } from '../../engine/extension/node-registry.js';
import { StepInterceptors } from '../../engine/extension/step-interceptors.js';
import { PriceTable } from '../../engine/models/prices.js';
import { type PathError, ProblemError, ValidationFailedError } from '../../problems/problem.error.js';
import { checkWords } from './workflow-words.js';

/** Errors that one answer lists. */
const MAX_ERRORS = 100;

/** Refuses workflows that cannot run: cyclic graphs, configs that no handler accepts, limits that cannot be enforced. */
@Injectable()
export class WorkflowValidator {
  constructor(
    private readonly registry: NodeRegistry,
    private readonly prices: PriceTable,
    private readonly interceptors: StepInterceptors,
    @Inject(Settings) private readonly settings: Settings,
  ) {}

  /**
   * Checks the workflow of a request.
   * @throws ValidationFailedError with every wrong path
   * @throws ProblemError 400 `expression_too_complex`, 400 `not_available`, 503 `no_worker_free`
   */
  async check({ projectId, workflow, options }: StartExecution): Promise<void> {
    const graph = [...checkWords(workflow), ...checkGraph(workflow, this.settings)];
    const problems: WorkflowProblem[] =
      graph.length > 0 ? graph : await this.registry.check(workflow, projectId);
    const errors = problems.map(({ path, message }) => ({ path: ['workflow', ...path].join('.'), message }));
    if (options?.limits?.maxCostUSD !== undefined) errors.push(...this.unknownPrices(workflow));
    if (errors.length > 0) this.interceptors.notifyOfValidationFailure({ projectId, errors });
    const tooComplex = problems.findIndex(({ code }) => code === 'expression_too_complex');
    if (tooComplex >= 0) throw new ExpressionTooComplexError(errors[tooComplex]!);
    if (problems.some(({ code }) => code === 'not_available'))
      throw new ProblemError('not_available', undefined, { errors: errors.slice(0, MAX_ERRORS) });
    if (errors.length > 0) throw new ValidationFailedError(errors.slice(0, MAX_ERRORS));
  }

  private unknownPrices({ nodes }: StartExecution['workflow']): PathError[] {
    return nodes.flatMap((node, index) => {
      const { model } = node.data.config;
      if (typeof model !== 'string' || this.prices.knows(model)) return [];
      const message = `the price of ${model} is not known, so maxCostUSD cannot be enforced: leave the limit out, or add the price to MODEL_PRICES`;
      return [{ path: `workflow.nodes.${index}.data.config.model`, message }];
    });
  }
}

/** 400: an expression cannot be parsed within CHECK_TIMEOUT_MS. */
class ExpressionTooComplexError extends ProblemError {
  constructor(error: PathError) {
    super('expression_too_complex', undefined, { errors: [error] });
  }
}
