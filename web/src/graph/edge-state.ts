import { edgeName, type WorkflowOutline } from '@cloutagent/contract';
import type { Branch } from '@cloutagent/react';
import type { NodeState } from './node-state.js';

type OutlineEdge = WorkflowOutline['edges'][number];

/** `open`: not decided. `not-taken`: the edge was not taken, or its source was skipped. */
export type EdgeState = 'open' | 'taken' | 'not-taken';

/** Returns whether an edge was taken. Nodes without conditions on their edges record no decision: their status decides. */
export function edgeState(
  edge: OutlineEdge,
  index: number,
  branches: { readonly [nodeId: string]: Branch },
  source: NodeState['status'] | undefined,
): EdgeState {
  const branch = Object.hasOwn(branches, edge.source) ? branches[edge.source] : undefined;
  const name = edgeName(edge, index);
  if (branch?.taken.includes(name)) return 'taken';
  if (branch?.notTaken.includes(name) || source === 'skipped') return 'not-taken';
  if (branch) return 'open';
  if (source === 'completed') return edge.on === 'error' ? 'not-taken' : 'taken';
  return source === 'failed' ? 'not-taken' : 'open';
}

/** Returns when the edge is taken, in a word or two; an empty text for a plain edge. */
function edgeLabel({ on, isConditional, otherwise }: OutlineEdge): string {
  return [on !== undefined && on !== 'success' && on, isConditional && 'if', otherwise && 'otherwise']
    .filter(Boolean)
    .join(', ');
}

/**
 * Returns the label of each edge. Edges between the same two nodes lie on each other, so the first one has the labels of
 * all.
 */
export function edgeLabels(edges: readonly OutlineEdge[]): string[] {
  const groups = Map.groupBy(edges.keys(), (index) =>
    JSON.stringify([edges[index]!.source, edges[index]!.target]),
  );
  const labels = edges.map(() => '');
  for (const indexes of groups.values())
    labels[indexes[0]!] = indexes
      .map((index) => edgeLabel(edges[index]!))
      .filter(Boolean)
      .join(' · ');
  return labels;
}
