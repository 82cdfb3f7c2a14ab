import { type ExecutionFailure, type Json, type WorkflowGraph } from '@cloutagent/contract';
import type { ExecutionRow } from '../execution-row.js';
import { NodeError } from '../extension/node-handler.js';
import type { Conditions } from '../nodes/conditions.js';
import { conditionDocument } from './condition-document.js';
import type { EdgePlan } from './graph-progress.js';

interface BranchScope {
  readonly row: ExecutionRow;
  readonly graph: WorkflowGraph;
  readonly conditions: Conditions;
  readonly outputs: ReadonlyMap<string, Json>;
  readonly errors: ReadonlyMap<string, ExecutionFailure>;
  readonly signal: AbortSignal;
}

/** Evaluates the conditions of edges, on the input and on the nodes that come before. */
export class BranchDecider {
  constructor(private readonly scope: BranchScope) {}

  /**
   * Evaluates the conditions of a node's edges.
   * @returns their values, by index of the edge
   * @throws NodeError `condition_failed`; the reason of the signal
   */
  async evaluate(nodeId: string, { conditions }: EdgePlan): Promise<Map<number, boolean>> {
    const { row, signal } = this.scope;
    const expressions = conditions.map(({ when }) => when);
    const results = await this.scope.conditions.evaluate(
      row.project_id,
      expressions,
      conditionDocument(this.scope, nodeId, expressions),
      signal,
    );
    return new Map(
      conditions.map(({ index }, at) => {
        const result = results[at]!;
        if ('value' in result) return [index, result.value];
        throw new NodeError('condition_failed', `The condition edges.${index}.when ${result.error}.`);
      }),
    );
  }
}
