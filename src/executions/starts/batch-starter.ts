import { Inject, Injectable } from '@nestjs/common';
import type { BatchResult, BatchResults, StartBatch } from '@cloutagent/contract';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { WorkflowValidator } from '../../definitions/workflow-validator.js';
import { itemProblem } from '../../problems/problem-body.js';
import { ProblemError } from '../../problems/problem.error.js';
import {
  ExecutionInserter,
  shownTo,
  type StartedExecution,
  withWarnings,
} from '../commands/execution-inserter.js';
import { ExecutionStarter, type PreparedStart } from '../commands/execution-starter.js';
import type { GraphCheck } from '../commands/start-resolver.js';
import { parseItem } from './batch-item.js';
import { SharedWorkflowChecks } from './shared-workflow-checks.js';

/** Items that are checked at the same time. Most of the time they wait for the database or for a check in a worker. */
const CONCURRENT_CHECKS = 8;
/** How long items are checked before other requests get their turn, in ms. */
const MAX_BLOCKED_MS = 10;

/** Starts many executions with one request. */
@Injectable()
export class BatchStarter {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly inserter: ExecutionInserter,
    private readonly workflows: WorkflowValidator,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'BODY_MAX_BYTES' | 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS'>,
  ) {}

  /**
   * Checks each item alone and starts those that can start. They are inserted together: if the database fails, none starts.
   * @returns a result for each item, in the same order
   */
  async start({ executions }: StartBatch, principal: Principal): Promise<BatchResults> {
    const checked = await this.checkAll(executions, principal);
    const prepared = checked.filter((item) => 'origin' in item);
    const inserted = await this.inserter.insertAll(
      prepared.map(({ execution: request, origin }) => ({ request, origin })),
    );
    const outcomes = new Map<object, Outcome>(
      prepared.map((item, at) => [item, outcomeOf(inserted[at]!, item, principal)]),
    );
    const results = checked.map((item, index) =>
      resultOf(index, 'origin' in item ? outcomes.get(item)! : item),
    );
    const failed = results.filter(({ problem }) => problem !== undefined).length;
    return { started: results.length - failed, failed, results };
  }

  /** @returns for each item what is to be inserted, or the execution that has its key, or why it cannot start */
  private async checkAll(
    executions: readonly unknown[],
    principal: Principal,
  ): Promise<(PreparedStart | Outcome)[]> {
    const { check } = new SharedWorkflowChecks((execution) => this.workflows.check(execution));
    const checked: (PreparedStart | Outcome)[] = [];
    let turnBegan = performance.now();
    const entries = executions.entries();
    const checkItems = async () => {
      for (const [index, item] of entries) {
        if (performance.now() - turnBegan > MAX_BLOCKED_MS) {
          await nextTurn();
          turnBegan = performance.now();
        }
        checked[index] = await this.check(item, principal, check);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_CHECKS }, checkItems));
    return checked;
  }

  private async check(
    item: unknown,
    principal: Principal,
    checkGraph: GraphCheck,
  ): Promise<PreparedStart | Outcome> {
    try {
      const { request, idempotencyKey } = await parseItem(item, this.settings);
      return await this.starter.prepare(request, principal, idempotencyKey, checkGraph);
    } catch (error) {
      if (error instanceof ProblemError) return error;
      throw error;
    }
  }
}

type Outcome = StartedExecution | ProblemError;

const outcomeOf = (outcome: Outcome, { warnings }: PreparedStart, principal: Principal): Outcome =>
  outcome instanceof ProblemError ? outcome : shownTo(principal, withWarnings(outcome, warnings));

function resultOf(index: number, outcome: Outcome): BatchResult {
  if (outcome instanceof ProblemError)
    return { index, status: outcome.getStatus(), problem: itemProblem(outcome) };
  const { execution, replayed } = outcome;
  return { index, status: 202, execution, ...(replayed && { replayed }) };
}
