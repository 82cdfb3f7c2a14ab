import { type Json, Workflow, WorkflowGraph } from '@cloutagent/contract';
import { executionOutput } from './execution-result.js';

/** The output of a graph with these last nodes after the node `start`. */
const outputOf = (lastNodes: string[], outputs: Record<string, Json>): Json => {
  const workflow = Workflow.parse({
    nodes: ['start', ...lastNodes].map((id) => ({ id, type: 'delay' })),
    edges: lastNodes.map((target) => ({ source: 'start', target, when: 'input' })),
  });
  return executionOutput(
    new WorkflowGraph(workflow),
    new Map(Object.entries({ start: 'started', ...outputs })),
  );
};

it.each<[string, string[], Record<string, Json>, Json]>([
  ['that of the only last node', ['a'], { a: 1 }, 1],
  ['null if the only last node was skipped', ['a'], {}, null],
  ['an object of several last nodes', ['a', 'b'], { b: null, a: [] }, { a: [], b: null }],
  ['an object without those that were skipped', ['a', 'b', 'c'], { c: 0 }, { c: 0 }],
  ['an empty object if all last nodes were skipped', ['a', 'b'], {}, {}],
])('the output of an execution is %s', (_what, lastNodes, outputs, expected) => {
  expect(outputOf(lastNodes, outputs)).toEqual(expected);
});
