import { axesOf, type Direction, NODE_HEIGHT, NODE_WIDTH, type Point } from './geometry.js';

/** Number of points that are sampled on each curve of an edge. */
const SAMPLES = 16;

/** Returns the control points of the curve between two points. It leaves and arrives along the direction. */
function controlPoints(from: Point, to: Point, direction: Direction): [Point, Point] {
  const { along, cross, point } = axesOf(direction);
  const middle = (along(from) + along(to)) / 2;
  return [point(middle, cross(from)), point(middle, cross(to))];
}

const text = ({ x, y }: Point): string => `${x.toFixed(1)},${y.toFixed(1)}`;

/** Returns the SVG path of an edge through the points of its route. */
export function pathOf(start: Point, route: readonly Point[], end: Point, direction: Direction): string {
  let path = `M${text(start)}`;
  let from = start;
  for (const to of [...route, end]) {
    const [first, second] = controlPoints(from, to, direction);
    path += ` C${text(first)} ${text(second)} ${text(to)}`;
    from = to;
  }
  return path;
}

/** Samples points on the path of an edge. */
export function pathPoints(
  start: Point,
  route: readonly Point[],
  end: Point,
  direction: Direction,
): readonly Point[] {
  const points = [start];
  let from = start;
  for (const to of [...route, end]) {
    const [first, second] = controlPoints(from, to, direction);
    for (let n = 1; n <= SAMPLES; n += 1) points.push(cubic(from, first, second, to, n / SAMPLES));
    from = to;
  }
  return points;
}

function cubic(a: Point, b: Point, c: Point, d: Point, t: number): Point {
  const coordinate = (axis: 'x' | 'y') =>
    (1 - t) ** 3 * a[axis] +
    3 * (1 - t) ** 2 * t * b[axis] +
    3 * (1 - t) * t ** 2 * c[axis] +
    t ** 3 * d[axis];
  return { x: coordinate('x'), y: coordinate('y') };
}

/** Whether a path crosses the node with this upper left corner. */
export const crosses = (path: readonly Point[], { x, y }: Point): boolean =>
  path.some((point) => point.x > x && point.x < x + NODE_WIDTH && point.y > y && point.y < y + NODE_HEIGHT);
