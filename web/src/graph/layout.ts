import { WorkflowGraph, type WorkflowOutline } from '@cloutagent/contract';

export interface Point {
  x: number;
  y: number;
}

export type Direction = 'across' | 'down';

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 70;
const GAP_ALONG = 64;
const GAP_BESIDE = 22;

/**
 * Where each node is drawn: as the workflow says when it does so for all of them, else by layers of nodes
 * that can run together. What is on a cycle comes last.
 */
export function layOut(outline: WorkflowOutline, direction: Direction): Map<string, Point> {
  const given = outline.nodes.map(({ id, position }) => [id, position] as const);
  if (given.every((entry): entry is [string, Point] => entry[1] !== undefined) && !overlap(given))
    return new Map(given as [string, Point][]);
  const graph = new WorkflowGraph({
    ...outline,
    nodes: outline.nodes.map(({ id, type }) => ({ id, type, data: { config: {} } })),
  });
  const layers = graph.layers();
  const reached = new Set(layers.flat());
  const left = [...graph.nodes.keys()].filter((id) => !reached.has(id));
  if (left.length > 0) layers.push(left);

  const widest = Math.max(...layers.map((layer) => layer.length));
  const rank = new Map<string, number>();
  const points = new Map<string, Point>();
  layers.forEach((layer, depth) => {
    const sorted = layer
      .map((id, index) => ({ id, weight: meanRank(graph.parentsOf(id), rank) ?? index }))
      .sort((a, b) => a.weight - b.weight);
    const first = (widest - layer.length) / 2;
    sorted.forEach(({ id }, index) => {
      rank.set(id, first + index);
      points.set(id, place(depth, first + index, direction));
    });
  });
  return points;
}

function place(depth: number, beside: number, direction: Direction): Point {
  return direction === 'across'
    ? { x: depth * (NODE_WIDTH + GAP_ALONG), y: beside * (NODE_HEIGHT + GAP_BESIDE) }
    : { x: beside * (NODE_WIDTH + GAP_BESIDE), y: depth * (NODE_HEIGHT + GAP_ALONG / 2) };
}

/** Near its parents a node's edges cross fewer others. */
function meanRank(parents: readonly string[], rank: ReadonlyMap<string, number>): number | undefined {
  const ranks = parents.flatMap((id) => rank.get(id) ?? []);
  return ranks.length === 0 ? undefined : ranks.reduce((sum, value) => sum + value, 0) / ranks.length;
}

/** Positions made for smaller nodes, or all the same, would hide some behind others. */
function overlap(points: readonly (readonly [string, Point])[]): boolean {
  if (points.length > 200) return false;
  return points.some(([, a], index) =>
    points
      .slice(index + 1)
      .some(([, b]) => Math.abs(a.x - b.x) < NODE_WIDTH && Math.abs(a.y - b.y) < NODE_HEIGHT),
  );
}
