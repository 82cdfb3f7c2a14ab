import { WorkflowGraph, type WorkflowOutline } from '@cloutagent/contract';
import { axesOf, type Direction, NODE_HEIGHT, NODE_WIDTH, type Point } from './geometry.js';
import { routesAround, routesBetween } from './routes.js';

export interface Layout {
  /** Upper left corner of each node, by node id. */
  points: ReadonlyMap<string, Point>;
  /** Points that an edge runs through, by index of the edge. A straight edge has no entry. */
  routes: ReadonlyMap<number, readonly Point[]>;
  direction: Direction;
}

const GAP_CROSS = 22;
/** Gap between layers. It is smaller downwards, because nodes are wider than high. */
const gapAlong = (direction: Direction): number => (direction === 'across' ? 64 : 32);

/**
 * Positions the nodes and routes the edges. It uses the workflow's positions if all nodes have one and none overlap;
 * otherwise it draws layers of nodes that can run in parallel. Nodes on a cycle form the last layer.
 */
export function layOut(outline: WorkflowOutline, preferred: Direction): Layout {
  const given = outline.nodes.map(({ id, position }) => [id, position] as const);
  if (given.every((entry): entry is [string, Point] => entry[1] !== undefined) && !overlap(given)) {
    const points = new Map(given as [string, Point][]);
    const direction = directionOf(outline, points) ?? preferred;
    return { points, routes: routesAround(outline.edges, points, direction), direction };
  }
  const layers = layersOf(outline);
  const points = positionNodes(outline, layers, preferred);
  return { points, routes: routesBetween(outline.edges, layers, points, preferred), direction: preferred };
}

/** Returns the direction in which most edges run; undefined if there is none. */
function directionOf({ edges }: WorkflowOutline, points: ReadonlyMap<string, Point>): Direction | undefined {
  let across = 0;
  for (const { source, target } of edges) {
    const [from, to] = [points.get(source), points.get(target)];
    if (from && to) across += Math.abs(to.x - from.x) - Math.abs(to.y - from.y);
  }
  return across === 0 ? undefined : across > 0 ? 'across' : 'down';
}

function layersOf(outline: WorkflowOutline): string[][] {
  const graph = graphOf(outline);
  const layers = graph.layers();
  const reached = new Set(layers.flat());
  const remaining = [...graph.nodes.keys()].filter((id) => !reached.has(id));
  return remaining.length > 0 ? [...layers, remaining] : layers;
}

const graphOf = (outline: WorkflowOutline): WorkflowGraph =>
  new WorkflowGraph({
    ...outline,
    nodes: outline.nodes.map(({ id, type }) => ({ id, type, data: { config: {} } })),
  });

function positionNodes(
  outline: WorkflowOutline,
  layers: readonly string[][],
  direction: Direction,
): Map<string, Point> {
  const graph = graphOf(outline);
  const { length, breadth, point } = axesOf(direction);
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
      points.set(id, point(depth * (length + gapAlong(direction)), (first + index) * (breadth + GAP_CROSS)));
    });
  });
  return points;
}

/** Returns the mean rank of the parents. A node near its parents has fewer crossing edges. */
function meanRank(parents: readonly string[], rank: ReadonlyMap<string, number>): number | undefined {
  const ranks = parents.flatMap((id) => rank.get(id) ?? []);
  return ranks.length === 0 ? undefined : ranks.reduce((sum, value) => sum + value, 0) / ranks.length;
}

/** Whether nodes overlap, because the positions are equal or were made for smaller nodes. */
function overlap(points: readonly (readonly [string, Point])[]): boolean {
  if (points.length > 200) return false;
  return points.some(([, a], index) =>
    points
      .slice(index + 1)
      .some(([, b]) => Math.abs(a.x - b.x) < NODE_WIDTH && Math.abs(a.y - b.y) < NODE_HEIGHT),
  );
}
