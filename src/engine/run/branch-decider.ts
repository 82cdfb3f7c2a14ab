import { type ExecutionFailure, type Json, type WorkflowGraph } from '@cloutagent/contract';
import type { ExecutionRow } from '../execution-row.js';
import { NodeError } from '../extension/node-handler.js';
import type { Conditions } from '../nodes/conditions.js';
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
      this.document(nodeId, expressions),
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

  /**
   * The data of conditions: the node itself, and all nodes that come before it and are done. Outputs may be large, so they are
   * left out if no condition mentions `nodes`.
   */
  private document(nodeId: string, expressions: readonly string[]): Json {
    const { row, graph, outputs, errors } = this.scope;
    const before = new Set(expressions.some((text) => text.includes('nodes')) ? [nodeId] : []);
    for (const id of before) for (const parent of graph.parentsOf(id)) before.add(parent);
    const nodes = [...before].flatMap((id): [string, Json][] => {
      const failure = errors.get(id);
      if (failure) return [[id, { error: { message: failure.message, code: failure.code } }]];
      return outputs.has(id) ? [[id, { output: outputs.get(id)! }]] : [];
    });
    return {
      input: row.input,
      nodes: Object.fromEntries(nodes),
      execution: { id: row.id, projectId: row.project_id },
    };
  }
}
