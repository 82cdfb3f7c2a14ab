export interface Point {
  x: number;
  y: number;
}

/** The direction in which a graph is drawn. Layers follow each other along it; parallel nodes lie next to each other. */
export type Direction = 'across' | 'down';

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 70;

/** Maps the axes of a direction to x and y, so that the same computations work for both directions. */
export const axesOf = (direction: Direction) =>
  direction === 'across'
    ? {
        length: NODE_WIDTH,
        breadth: NODE_HEIGHT,
        along: (point: Point) => point.x,
        cross: (point: Point) => point.y,
        point: (along: number, cross: number): Point => ({ x: along, y: cross }),
      }
    : {
        length: NODE_HEIGHT,
        breadth: NODE_WIDTH,
        along: (point: Point) => point.y,
        cross: (point: Point) => point.x,
        point: (along: number, cross: number): Point => ({ x: cross, y: along }),
      };

/** Returns the points where edges leave and enter the node with this upper left corner. */
export function portsOf(corner: Point, direction: Direction): { out: Point; in: Point } {
  const { length, breadth, along, cross, point } = axesOf(direction);
  const middle = cross(corner) + breadth / 2;
  return { out: point(along(corner) + length, middle), in: point(along(corner), middle) };
}
