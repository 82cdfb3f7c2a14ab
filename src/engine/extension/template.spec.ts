import type { Json } from '@cloutagent/contract';
import { fill, references } from './template.js';

it('fills placeholders into any string of a config, and never into inserted text', () => {
  const outputs = new Map<string, Json>([
    ['a.b', { x: 1 }],
    ['c', '{{input}}'],
  ]);
  expect(
    fill({ p: ['{{ input }}-{{nodes.a.b.output}}', '{{nodes.c.output}}'], n: 1 }, 'in', outputs, 1_000),
  ).toEqual({ p: ['in-{"x":1}', '{{input}}'], n: 1 });
});

it('finds the nodes that a config refers to', () => {
  expect(references({ p: ['{{nodes.a.b.output}}'] })).toEqual([{ nodeId: 'a.b', path: ['p', 0] }]);
});
