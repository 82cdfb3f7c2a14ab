import { WorkflowGraph, type WorkflowOutline } from '@cloutagent/contract';
import { axesOf, type Direction, NODE_HEIGHT, NODE_WIDTH, type Point } from './geometry.js';
import { routesAround, routesBetween } from './routes.js';

export interface Layout {
  /** The upper left corner of each node. */
  points: ReadonlyMap<string, Point>;
  /** By index of an edge, the points that it runs through; an edge that needs none is not in it. */
  routes: ReadonlyMap<number, readonly Point[]>;
  direction: Direction;
}

const GAP_BESIDE = 22;
/** Between layers: labels are read across, so there is less room below each other. */
const gapAlong = (direction: Direction): number => (direction === 'across' ? 64 : 32);

/**
 * Where each node is drawn and how edges run between them: as the workflow says when it does so for all nodes, else by
 * layers of nodes that can run together. What is on a cycle comes last.
 */
export function layOut(outline: WorkflowOutline, wanted: Direction): Layout {
  const given = outline.nodes.map(({ id, position }) => [id, position] as const);
  if (given.every((entry): entry is [string, Point] => entry[1] !== undefined) && !overlap(given)) {
    const points = new Map(given);
    const direction = directionOf(outline, points) ?? wanted;
    return { points, routes: routesAround(outline.edges, points, direction), direction };
  }
  const layers = layersOf(outline);
  const points = place(outline, layers, wanted);
  return { points, routes: routesBetween(outline.edges, layers, points, wanted), direction: wanted };
}

/** The way that most edges run at given positions. */
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
  const left = [...graph.nodes.keys()].filter((id) => !reached.has(id));
  return left.length > 0 ? [...layers, left] : layers;
}

const graphOf = (outline: WorkflowOutline): WorkflowGraph =>
  new WorkflowGraph({
    ...outline,
    nodes: outline.nodes.map(({ id, type }) => ({ id, type, data: { config: {} } })),
  });

function place(
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
      .toSorted((a, b) => a.weight - b.weight);
    const first = (widest - layer.length) / 2;
    sorted.forEach(({ id }, index) => {
      rank.set(id, first + index);
      points.set(id, point(depth * (length + gapAlong(direction)), (first + index) * (breadth + GAP_BESIDE)));
    });
  });
  return points;
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
