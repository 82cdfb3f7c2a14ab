import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';

/** The value of a condition, or why it has none. */
export type ConditionResult = { value: boolean } | { error: string };

/** Evaluates the conditions of edges and loops, in the processes that evaluate expressions. */
@Injectable()
export class Conditions {
  /**
   * Evaluates JSONata expressions that must give true or false, all in one process.
   * @param document the data that the expressions are evaluated on
   * @returns the results in the order of the expressions
   * @throws the signal's reason
   */
  evaluate(
    _projectId: string,
    _expressions: readonly string[],
    _document: Json,
    _signal: AbortSignal,
  ): Promise<ConditionResult[]> {
    throw new Error('not written yet');
  }
}
