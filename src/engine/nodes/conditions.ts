import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { type ConfigCheck, type ConfigProblem, NodeError } from '../extension/node-handler.js';
import { type ConditionResult, TransformWorkers } from './transform-workers.js';

export type { ConditionResult };

/** How many processes the conditions of one call may use. More than one is needed only if a condition ends its process. */
const MAX_PROCESSES = 2;

/** Evaluates the conditions of edges and loops, in the processes that evaluate expressions. */
@Injectable()
export class Conditions {
  constructor(private readonly workers: TransformWorkers) {}

  /**
   * Parses one of the conditions of a posted workflow, together with the other expressions of the same check.
   * @returns the problems, with empty paths; an empty list if it is valid JSONata
   * @throws ProblemError 503 `no_worker_free` if no process is free within CHECK_TIMEOUT_MS
   */
  check(expression: string, check: Pick<ConfigCheck, 'projectId' | 'request'>): Promise<ConfigProblem[]> {
    return this.workers.check({ kind: 'expression', text: expression }, check);
  }

  /**
   * Evaluates JSONata expressions that must give true or false, all in one process. Each has TRANSFORM_TIMEOUT_MS. The
   * conditions after one that exceeds a limit are evaluated in another process, but only once.
   * @param document the data that the expressions are evaluated on
   * @returns the results in the order of the expressions. An error is the rest of a sentence that begins with the
   *   condition, such as `gave 1 instead of true or false`.
   * @throws the signal's reason
   */
  async evaluate(
    projectId: string,
    expressions: readonly string[],
    document: Json,
    signal: AbortSignal,
  ): Promise<ConditionResult[]> {
    const results: ConditionResult[] = [];
    const json = JSON.stringify(document);
    for (let process = 1; process <= MAX_PROCESSES && results.length < expressions.length; process += 1)
      results.push(...(await this.evaluateIn(projectId, expressions.slice(results.length), json, signal)));
    while (results.length < expressions.length)
      results.push({
        error: `was not evaluated, because ${MAX_PROCESSES} conditions before it exceeded a limit. Correct them first`,
      });
    return results;
  }

  /** Evaluates conditions in one process: all of them, or up to the first one that exceeds a limit. */
  private async evaluateIn(
    projectId: string,
    expressions: readonly string[],
    json: string,
    signal: AbortSignal,
  ): Promise<ConditionResult[]> {
    let worker;
    try {
      worker = await this.workers.acquire(projectId, signal);
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      return expressions.map(() => ({
        error:
          'was not evaluated, because the server could not start a process. Start the execution again later',
      }));
    }
    try {
      return await worker.test(expressions, json);
    } finally {
      worker.release();
    }
  }
}
