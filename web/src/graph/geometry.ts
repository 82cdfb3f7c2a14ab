export interface Point {
  x: number;
  y: number;
}

/** The direction in which a graph is drawn. Layers follow each other along it; parallel nodes lie beside each other. */
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
        beside: (point: Point) => point.y,
        point: (along: number, beside: number): Point => ({ x: along, y: beside }),
      }
    : {
        length: NODE_HEIGHT,
        breadth: NODE_WIDTH,
        along: (point: Point) => point.y,
        beside: (point: Point) => point.x,
        point: (along: number, beside: number): Point => ({ x: beside, y: along }),
      };

/** Returns the points where edges leave and enter the node with this upper left corner. */
export function portsOf(corner: Point, direction: Direction): { out: Point; in: Point } {
  const { length, breadth, along, beside, point } = axesOf(direction);
  const middle = beside(corner) + breadth / 2;
  return { out: point(along(corner) + length, middle), in: point(along(corner), middle) };
}
