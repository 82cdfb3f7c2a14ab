import { Injectable } from '@nestjs/common';
import type { ExecutionOptions, Workflow } from '@cloutagent/contract';
import { StepInterceptors } from '../engine/extension/step-interceptors.js';
import { WorkflowChecks } from '../engine/validation/workflow-checks.js';
import { type PathError, ProblemError, ValidationFailedError } from '../problems/problem.error.js';

/** Errors that one answer lists. */
const MAX_ERRORS = 100;

/** Codes of problems that become the code of the response. */
const CODES = ['expression_too_complex', 'not_available'] as const;

/** A workflow that is to be started or saved. */
export interface CheckedWorkflow {
  readonly projectId: string;
  readonly workflow: Workflow;
  readonly options?: ExecutionOptions | undefined;
  /** The name under which it is to be saved. */
  readonly name?: string | undefined;
}

/** A reason why a workflow cannot run. Its path begins with `workflow`. */
export interface FoundProblem extends PathError {
  code: string;
}

/** Refuses requests whose workflow cannot run. */
@Injectable()
export class WorkflowValidator {
  constructor(
    private readonly checks: WorkflowChecks,
    private readonly interceptors: StepInterceptors,
  ) {}

  /**
   * Finds the reasons why a workflow cannot run.
   * @throws ProblemError 503 `no_worker_free`
   */
  async find({ projectId, workflow, options, name }: CheckedWorkflow): Promise<FoundProblem[]> {
    const needsPrices = options?.limits?.maxCostUSD !== undefined;
    const problems = await this.checks.check(workflow, projectId, { needsPrices, name });
    return problems.map(({ path, message, code = 'validation_failed' }) => ({
      path: ['workflow', ...path].join('.'),
      message,
      code,
    }));
  }

  /**
   * Checks the workflow of a request.
   * @throws ValidationFailedError with every wrong path
   * @throws ProblemError 400 `expression_too_complex`, 400 `not_available`, 400 `price_unknown`, 503 `no_worker_free`
   */
  async check(request: CheckedWorkflow): Promise<void> {
    const problems = await this.find(request);
    if (problems.length === 0) return;
    const errors = problems.map(({ path, message }) => ({ path, message }));
    this.interceptors.notifyOfValidationFailure({ projectId: request.projectId, errors });
    for (const code of CODES) {
      const index = problems.findIndex((problem) => problem.code === code);
      if (index >= 0) throw new ProblemError(code, undefined, { errors: [errors[index]!] });
    }
    // Among other problems it is one of the list.
    if (problems.every(({ code }) => code === 'price_unknown'))
      throw new ProblemError('price_unknown', undefined, { errors: errors.slice(0, MAX_ERRORS) });
    throw new ValidationFailedError(errors.slice(0, MAX_ERRORS));
  }
}
