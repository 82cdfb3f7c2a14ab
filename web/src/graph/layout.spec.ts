import { layOut } from './layout.js';

const outline = (ids: string, ...edges: string[]) => ({
  nodes: ids.split('').map((id) => ({ id, type: 'delay' })),
  edges: edges.map((edge) => ({ source: edge[0]!, target: edge[1]! })),
});
const columns = (...given: Parameters<typeof outline>) =>
  Object.fromEntries([...layOut(outline(...given), 'across')].map(([id, { x }]) => [id, x]));

it('puts a node behind all of its parents', () => {
  const { a, b, c, d } = columns('abcd', 'ac', 'bc', 'cd', 'ad') as Record<string, number>;
  expect([a, a! < c!, c! < d!]).toEqual([b, true, true]);
});

it('keeps every node apart from every other one, on a cycle too', () => {
  const points = layOut(outline('abcdef', 'ab', 'bc', 'cb', 'ad', 'ae'), 'down');
  expect(points.size).toBe(6);
  expect(new Set([...points.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(6);
});

it('keeps the order of parents among their children', () => {
  const points = layOut(outline('abcd', 'bc', 'ad'), 'across');
  expect(points.get('d')!.y).toBeLessThan(points.get('c')!.y);
});

it('takes positions that are given for all, unless they hide nodes', () => {
  const nodes = outline('ab').nodes.map((node, index) => ({ ...node, position: { x: index * 300, y: 7 } }));
  expect([...layOut({ nodes, edges: [] }, 'across').values()]).toEqual([
    { x: 0, y: 7 },
    { x: 300, y: 7 },
  ]);
  const heap = nodes.map((node) => ({ ...node, position: { x: 0, y: 0 } }));
  expect(new Set(layOut({ nodes: heap, edges: [] }, 'across').values()).size).toBe(2);
});
