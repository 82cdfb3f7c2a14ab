import fc from 'fast-check';
import { crosses, pathPoints } from './edge-path.js';
import { type Direction, portsOf } from './geometry.js';
import { type Layout, layOut } from './layout.js';

const outline = (ids: string, ...edges: string[]) => ({
  nodes: ids.split('').map((id) => ({ id, type: 'delay' })),
  edges: edges.map((edge) => ({ source: edge[0]!, target: edge[1]! })),
});
const columns = (...given: Parameters<typeof outline>) =>
  Object.fromEntries([...layOut(outline(...given), 'across').points].map(([id, { x }]) => [id, x]));

it('layOut puts a node after all of its parents', () => {
  const { a, b, c, d } = columns('abcd', 'ac', 'bc', 'cd', 'ad') as Record<string, number>;
  expect([a, a! < c!, c! < d!]).toEqual([b, true, true]);
});

it('layOut gives each node its own position, also on a cycle', () => {
  const { points } = layOut(outline('abcdef', 'ab', 'bc', 'cb', 'ad', 'ae'), 'down');
  expect(points.size).toBe(6);
  expect(new Set([...points.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(6);
});

it('layOut orders children like their parents', () => {
  const { points } = layOut(outline('abcd', 'bc', 'ad'), 'across');
  expect(points.get('d')!.y).toBeLessThan(points.get('c')!.y);
});

it('layOut uses given positions if every node has one and no nodes overlap', () => {
  const nodes = outline('ab').nodes.map((node, index) => ({ ...node, position: { x: index * 300, y: 7 } }));
  expect([...layOut({ nodes, edges: [] }, 'across').points.values()]).toEqual([
    { x: 0, y: 7 },
    { x: 300, y: 7 },
  ]);
  const heap = nodes.map((node) => ({ ...node, position: { x: 0, y: 0 } }));
  expect(new Set(layOut({ nodes: heap, edges: [] }, 'across').points.values()).size).toBe(2);
});

it('layOut derives the direction from given positions', () => {
  const row = outline('ab', 'ab');
  const nodes = row.nodes.map((node, index) => ({ ...node, position: { x: index * 300, y: 7 } }));
  expect(layOut({ ...row, nodes }, 'down').direction).toBe('across');
  const column = row.nodes.map((node, index) => ({ ...node, position: { x: 7, y: index * 300 } }));
  expect(layOut({ ...row, nodes: column }, 'across').direction).toBe('down');
});

/** Returns the edges that cross a node that is not one of their ends. */
function crossings({ edges }: ReturnType<typeof outline>, layout: Layout): string[] {
  const { points, routes, direction } = layout;
  return edges.flatMap(({ source, target }, index) => {
    const [start, end] = [
      portsOf(points.get(source)!, direction).out,
      portsOf(points.get(target)!, direction).in,
    ];
    const path = pathPoints(start, routes.get(index) ?? [], end, direction);
    const hit = [...points].filter(([id, at]) => id !== source && id !== target && crosses(path, at));
    return hit.map(([id]) => `${source}${target} over ${id}`);
  });
}

it.each(['across', 'down'] as const)('layOut routes no edge over another node, %s', (direction) => {
  const skipping = outline('abcde', 'ab', 'bc', 'cd', 'ac', 'ad', 'bd', 'ae', 'ed');
  expect(crossings(skipping, layOut(skipping, direction))).toEqual([]);
});

it('layOut routes no edge of any graph over another node', () => {
  const ids = 'abcdefghij';
  const edges = fc.uniqueArray(
    fc.tuple(fc.nat(9), fc.nat(9)).filter(([from, to]) => from < to),
    { maxLength: 25, selector: ([from, to]) => from * 10 + to },
  );
  fc.assert(
    fc.property(edges, fc.constantFrom<Direction>('across', 'down'), (pairs, direction) => {
      const graph = outline(ids, ...pairs.map(([from, to]) => ids[from]! + ids[to]!));
      expect(crossings(graph, layOut(graph, direction))).toEqual([]);
    }),
  );
});

it('layOut routes an edge around nodes at given positions', () => {
  const row = outline('abc', 'ab', 'bc', 'ac');
  const nodes = row.nodes.map((node, index) => ({ ...node, position: { x: index * 260, y: 0 } }));
  const graph = { ...row, nodes };
  expect(crossings(graph, layOut(graph, 'across'))).toEqual([]);
});
