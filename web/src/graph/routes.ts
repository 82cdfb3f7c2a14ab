import type { WorkflowOutline } from '@cloutagent/contract';
import { crosses, pathPoints } from './edge-path.js';
import { axesOf, type Direction, type Point, portsOf } from './geometry.js';

type Edges = WorkflowOutline['edges'];
type Routes = Map<number, Point[]>;

/** Distance between parallel edges, and between an edge and a node. */
const LANE = 12;
/** Distance before a layer at which an edge is in its lane. */
const LEAD = 8;
/** Limits on the work of routing. In larger graphs edges run straight; single edges are not readable there anyway. */
const MAX_LANES = 5_000;
const MAX_CHECKS = 200_000;

/** The place of an edge in a layer that it passes. */
interface Lane {
  edge: number;
  layer: number;
  /** Index of the gap between the layer's nodes; 0 is before the first node. */
  gap: number;
  /** The coordinate on the straight line from source to target. */
  ideal: number;
}

/** Routes edges that pass layers: through the gaps between the nodes of each layer, or around the layer. */
export function routesBetween(
  edges: Edges,
  layers: readonly (readonly string[])[],
  points: ReadonlyMap<string, Point>,
  direction: Direction,
): Routes {
  const axes = axesOf(direction);
  const depthOf = new Map(layers.flatMap((layer, depth) => layer.map((id) => [id, depth] as const)));
  /** The near sides of the nodes of each layer, sorted. */
  const sides = layers.map((layer) =>
    layer.map((id) => axes.cross(points.get(id)!)).toSorted((a, b) => a - b),
  );
  const lanes: Lane[] = [];
  edges.forEach(({ source, target }, edge) => {
    const [from, to] = [depthOf.get(source), depthOf.get(target)];
    if (from === undefined || to === undefined || lanes.length > MAX_LANES) return;
    const start = axes.cross(points.get(source)!) + axes.breadth / 2;
    const end = axes.cross(points.get(target)!) + axes.breadth / 2;
    let before = start;
    for (let layer = from + 1; layer < to; layer += 1) {
      const ideal = start + ((end - start) * (layer - from)) / (to - from);
      const { gap, at } = nearestGap(sides[layer]!, axes.breadth, ideal, before);
      lanes.push({ edge, layer, gap, ideal });
      before = at;
    }
  });
  const routes: Routes = new Map();
  for (const [lane, cross] of spread(lanes, sides, axes.breadth)) {
    const begin = axes.along(points.get(layers[lane.layer]![0]!)!);
    const route = routes.get(lane.edge) ?? [];
    routes.set(lane.edge, route);
    route.push(axes.point(begin - LEAD, cross), axes.point(begin + axes.length + LEAD, cross));
  }
  for (const route of routes.values()) route.sort((a, b) => axes.along(a) - axes.along(b));
  return routes;
}

/** Chooses the gap with the smallest cost: the detour, plus a part of the bend. */
function nearestGap(sides: readonly number[], breadth: number, ideal: number, before: number) {
  let best = { gap: 0, at: 0, cost: Infinity };
  for (let gap = 0; gap <= sides.length; gap += 1) {
    const [from, to] = boundsOf(sides, breadth, gap);
    const at = gap === 0 ? to - LANE : gap === sides.length ? from + LANE : (from + to) / 2;
    const cost = Math.abs(at - ideal) + 0.3 * Math.abs(at - before);
    if (cost < best.cost) best = { gap, at, cost };
  }
  return best;
}

function boundsOf(sides: readonly number[], breadth: number, gap: number): [from: number, to: number] {
  const before = sides[gap - 1];
  return [before === undefined ? -Infinity : before + breadth, sides[gap] ?? Infinity];
}

/** Distributes the lanes of each gap, in the order of their ideal coordinates. */
function spread(
  lanes: readonly Lane[],
  sides: readonly (readonly number[])[],
  breadth: number,
): Map<Lane, number> {
  const coordinates = new Map<Lane, number>();
  for (const group of Map.groupBy(lanes, ({ layer, gap }) => `${layer} ${gap}`).values()) {
    const { layer, gap } = group[0]!;
    const [from, to] = boundsOf(sides[layer]!, breadth, gap);
    const sorted = group.toSorted((a, b) => a.ideal - b.ideal);
    sorted.forEach((lane, index) => {
      if (from === -Infinity) coordinates.set(lane, to - LANE * (sorted.length - index));
      else if (to === Infinity) coordinates.set(lane, from + LANE * (index + 1));
      else coordinates.set(lane, from + ((to - from) * (index + 1)) / (sorted.length + 1));
    });
  }
  return coordinates;
}

/** Routes edges that would cross nodes at given positions around these nodes, on the better side. */
export function routesAround(edges: Edges, points: ReadonlyMap<string, Point>, direction: Direction): Routes {
  const routes: Routes = new Map();
  if (edges.length * points.size > MAX_CHECKS) return routes;
  edges.forEach(({ source, target }, edge) => {
    const [from, to] = [points.get(source), points.get(target)];
    if (!from || !to) return;
    const others = [...points].filter(([id]) => id !== source && id !== target).map(([, at]) => at);
    const [start, end] = [portsOf(from, direction).out, portsOf(to, direction).in];
    const hits = (route: readonly Point[]): Point[] => {
      const path = pathPoints(start, route, end, direction);
      return others.filter((at) => crosses(path, at));
    };
    const blocking = hits([]);
    if (blocking.length === 0) return;
    const best = [-1, 1]
      .map((side) => detour({ start, end, blocking, others, direction, side }))
      .map((route) => ({ route, remaining: hits(route).length }))
      .toSorted((a, b) => a.remaining - b.remaining)[0]!;
    if (best.remaining < blocking.length) routes.set(edge, best.route);
  });
  return routes;
}

interface Detour {
  start: Point;
  end: Point;
  blocking: readonly Point[];
  /** Nodes that the route must not cross either. */
  others: readonly Point[];
  direction: Direction;
  /** -1 or 1: on which side the route passes the nodes. */
  side: number;
}

/** Returns a route around the blocking nodes, and around further nodes that it would cross. */
function detour({ start, end, blocking, others, direction, side }: Detour): Point[] {
  const { along, cross, breadth, length, point } = axesOf(direction);
  const passed = new Set(blocking);
  const [first, last] = [along(start) + 2 * LANE, along(end) - 2 * LANE];
  for (;;) {
    const sides = [...passed].map(cross);
    const lane = side < 0 ? Math.min(...sides) - LANE : Math.max(...sides) + breadth + LANE;
    const met = others.filter(
      (at) =>
        !passed.has(at) &&
        along(at) < last &&
        along(at) + length > first &&
        lane > cross(at) &&
        lane < cross(at) + breadth,
    );
    if (met.length === 0) return [point(first, lane), point(last, lane)];
    for (const at of met) passed.add(at);
  }
}
