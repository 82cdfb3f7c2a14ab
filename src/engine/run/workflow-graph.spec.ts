import { checkGraph, type Json, Workflow } from '@cloutagent/contract';
import { backoffMs } from '../../common/backoff.js';
import { fill, references } from '../extension/template.js';

const limits = { MAX_WORKFLOW_NODES: 10, MAX_WORKFLOW_EDGES: 10, MAX_WORKFLOW_DEPTH: 3 };
const graph = (ids: string, ...edges: string[]) =>
  Workflow.parse({
    nodes: ids.split('').map((id) => ({ id, type: 'delay' })),
    edges: edges.map(([source, target]) => ({ source, target })),
  });

it('finds what keeps a workflow from running, with where', () => {
  const found = (ids: string, ...edges: string[]) =>
    checkGraph(graph(ids, ...edges), limits).map(({ path, message }) => `${path.join('.')}: ${message}`);
  expect(found('abc', 'ab', 'bc')).toEqual([]);
  expect(found('abc', 'ab', 'bc', 'ca')[0]).toMatch(/^edges: .* has (\w -> ){3}\w$/);
  expect(found('aab')).toEqual(['nodes.1.id: another node already has the id "a"']);
  expect(found('a', 'ax', 'aa')).toEqual([
    'edges.0.target: there is no node "x"',
    'edges.1: node "a" cannot wait for itself',
  ]);
  expect(found('abcd', 'ab', 'bc', 'cd')[0]).toMatch(/3 nodes deep; this one is 4 deep/);
  expect(found('abcdefghijk')[0]).toMatch(/at most 10 nodes; this one has 11/);
});

it('fills placeholders once, in any string', () => {
  const outputs = new Map<string, Json>([
    ['a.b', { x: 1 }],
    ['c', '{{input}}'],
  ]);
  expect(
    fill({ p: ['{{ input }}-{{nodes.a.b.output}}', '{{nodes.c.output}}'], n: 1 }, 'in', outputs, 1_000),
  ).toEqual({ p: ['in-{"x":1}', '{{input}}'], n: 1 });
  expect(references({ p: ['{{nodes.a.b.output}}'] })).toEqual([{ nodeId: 'a.b', path: ['p', 0] }]);
});

it('backs off exponentially with full jitter, and as the other side asks', () => {
  expect(backoffMs(1, 100, 1000, 0, () => 1)).toBe(100);
  expect(backoffMs(4, 100, 1000, 0, () => 0.5)).toBe(400);
  expect(backoffMs(9, 100, 1000, 0, () => 1)).toBe(1000);
  expect(backoffMs(1, 100, 1000, 700, () => 0)).toBe(700);
  expect(backoffMs(1, 100, 1000, 9000, () => 0)).toBe(1000);
});
