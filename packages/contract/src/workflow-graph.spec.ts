import { Workflow } from './workflow.js';
import { checkGraph, WorkflowGraph } from './workflow-graph.js';

const limits = { MAX_WORKFLOW_NODES: 10, MAX_WORKFLOW_EDGES: 10, MAX_WORKFLOW_DEPTH: 3 };
const graph = (ids: string, ...edges: string[]) =>
  Workflow.parse({
    nodes: ids.split('').map((id) => ({ id, type: 'delay' })),
    edges: edges.map(([source, target]) => ({ source, target })),
  });

it('finds the problems of a workflow, each with its path', () => {
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

it('keeps all edges between two nodes, and each parent and child once', () => {
  const workflow = graph('abc', 'ab', 'ac', 'ab');
  const ofWorkflow = new WorkflowGraph(workflow);
  expect(ofWorkflow.incoming('b').map(({ index }) => index)).toEqual([0, 2]);
  expect(ofWorkflow.outgoing('a').map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(ofWorkflow.incoming('b')[1]?.edge).toBe(workflow.edges[2]);
  expect(ofWorkflow.parentsOf('b')).toEqual(['a']);
  expect(ofWorkflow.childrenOf('a')).toEqual(['b', 'c']);
});
