import type { WorkflowOutline } from '@cloutagent/contract';
import { crosses, pathPoints } from './edge-path.js';
import { axesOf, type Direction, type Point, portsOf } from './geometry.js';

type Edges = WorkflowOutline['edges'];
type Routes = Map<number, Point[]>;

/** Between edges that run beside each other, and between an edge and a node. */
const LANE = 12;
/** How far from a layer an edge has found its lane. */
const LEAD = 8;
/** Beyond so much work edges run straight: a graph of that size is not read edge by edge. */
const MOST_LANES = 5_000;
const MOST_CHECKS = 200_000;

/** A lane of an edge through a layer that it skips. */
interface Lane {
  edge: number;
  layer: number;
  /** Which of the gaps between the layer's nodes; 0 is before the first node. */
  gap: number;
  /** Where it would run best. */
  wanted: number;
}

/** Routes of edges that skip layers: through the gaps between the nodes of each layer, or past its ends. */
export function routesBetween(
  edges: Edges,
  layers: readonly (readonly string[])[],
  points: ReadonlyMap<string, Point>,
  direction: Direction,
): Routes {
  const axes = axesOf(direction);
  const depthOf = new Map(layers.flatMap((layer, depth) => layer.map((id) => [id, depth] as const)));
  /** The near sides of each layer's nodes, in order. */
  const sides = layers.map((layer) =>
    layer.map((id) => axes.beside(points.get(id)!)).toSorted((a, b) => a - b),
  );
  const lanes: Lane[] = [];
  edges.forEach(({ source, target }, edge) => {
    const [from, to] = [depthOf.get(source), depthOf.get(target)];
    if (from === undefined || to === undefined || lanes.length > MOST_LANES) return;
    const start = axes.beside(points.get(source)!) + axes.breadth / 2;
    const end = axes.beside(points.get(target)!) + axes.breadth / 2;
    let before = start;
    for (let layer = from + 1; layer < to; layer += 1) {
      const wanted = start + ((end - start) * (layer - from)) / (to - from);
      const { gap, at } = nearestGap(sides[layer]!, axes.breadth, wanted, before);
      lanes.push({ edge, layer, gap, wanted });
      before = at;
    }
  });
  const routes: Routes = new Map();
  for (const [lane, beside] of spread(lanes, sides, axes.breadth)) {
    const begin = axes.along(points.get(layers[lane.layer]![0]!)!);
    const route = routes.get(lane.edge) ?? [];
    routes.set(lane.edge, route);
    route.push(axes.point(begin - LEAD, beside), axes.point(begin + axes.length + LEAD, beside));
  }
  for (const route of routes.values()) route.sort((a, b) => axes.along(a) - axes.along(b));
  return routes;
}

/** The gap that costs an edge the smallest detour, a little for each bend. */
function nearestGap(sides: readonly number[], breadth: number, wanted: number, before: number) {
  let best = { gap: 0, at: 0, cost: Infinity };
  for (let gap = 0; gap <= sides.length; gap += 1) {
    const [from, to] = boundsOf(sides, breadth, gap);
    const at = gap === 0 ? to - LANE : gap === sides.length ? from + LANE : (from + to) / 2;
    const cost = Math.abs(at - wanted) + 0.3 * Math.abs(at - before);
    if (cost < best.cost) best = { gap, at, cost };
  }
  return best;
}

function boundsOf(sides: readonly number[], breadth: number, gap: number): [from: number, to: number] {
  const before = sides[gap - 1];
  return [before === undefined ? -Infinity : before + breadth, sides[gap] ?? Infinity];
}

/** Gives the lanes of each gap places of their own, in the order in which they would run best. */
function spread(
  lanes: readonly Lane[],
  sides: readonly (readonly number[])[],
  breadth: number,
): Map<Lane, number> {
  const places = new Map<Lane, number>();
  for (const together of Map.groupBy(lanes, ({ layer, gap }) => `${layer} ${gap}`).values()) {
    const { layer, gap } = together[0]!;
    const [from, to] = boundsOf(sides[layer]!, breadth, gap);
    const sorted = together.toSorted((a, b) => a.wanted - b.wanted);
    sorted.forEach((lane, index) => {
      if (from === -Infinity) places.set(lane, to - LANE * (sorted.length - index));
      else if (to === Infinity) places.set(lane, from + LANE * (index + 1));
      else places.set(lane, from + ((to - from) * (index + 1)) / (sorted.length + 1));
    });
  }
  return places;
}

/** Routes of edges that would run over nodes at given positions: past them, on the side that is nearer. */
export function routesAround(edges: Edges, points: ReadonlyMap<string, Point>, direction: Direction): Routes {
  const routes: Routes = new Map();
  if (edges.length * points.size > MOST_CHECKS) return routes;
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
      .map((side) => detour(start, end, blocking, others, direction, side))
      .map((route) => ({ route, left: hits(route).length }))
      .toSorted((a, b) => a.left - b.left)[0]!;
    if (best.left < blocking.length) routes.set(edge, best.route);
  });
  return routes;
}

/** A way past nodes, and past those that it meets on its way. */
function detour(
  start: Point,
  end: Point,
  blocking: readonly Point[],
  others: readonly Point[],
  direction: Direction,
  side: number,
): Point[] {
  const { along, beside, breadth, length, point } = axesOf(direction);
  const passed = new Set(blocking);
  const [first, last] = [along(start) + 2 * LANE, along(end) - 2 * LANE];
  for (;;) {
    const sides = [...passed].map(beside);
    const lane = side < 0 ? Math.min(...sides) - LANE : Math.max(...sides) + breadth + LANE;
    const met = others.filter(
      (at) =>
        !passed.has(at) &&
        along(at) < last &&
        along(at) + length > first &&
        lane > beside(at) &&
        lane < beside(at) + breadth,
    );
    if (met.length === 0) return [point(first, lane), point(last, lane)];
    for (const at of met) passed.add(at);
  }
}
