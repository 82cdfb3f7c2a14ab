export interface Point {
  x: number;
  y: number;
}

/** Which way a graph is drawn. What lies along it is ordered, what lies beside it runs in parallel. */
export type Direction = 'across' | 'down';

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 70;

/** Names the two axes of a direction, so that what is computed holds for both. */
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

/** Where edges leave a node and arrive at it, for the node's upper left corner. */
export function portsOf(corner: Point, direction: Direction): { out: Point; in: Point } {
  const { length, breadth, along, beside, point } = axesOf(direction);
  const middle = beside(corner) + breadth / 2;
  return { out: point(along(corner) + length, middle), in: point(along(corner), middle) };
}
