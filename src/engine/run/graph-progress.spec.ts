import { Workflow, WorkflowGraph } from '@cloutagent/contract';
import fc from 'fast-check';
import { countReads } from '../../../test/support/counted-reads.js';
import { type GraphCase, graphCase } from '../../../test/support/graph-arbitrary.js';
import { GraphModel, type Outcome } from '../../../test/support/graph-model.js';
import { GraphProgress } from './graph-progress.js';

/** Sets the outcome of a node that has run, as the engine does. */
function finish(progress: GraphProgress, { workflow, fate }: GraphCase, id: string) {
  const outcome: 'completed' | 'failed' = fate.fails.has(id) ? 'failed' : 'completed';
  const { conditions, isRecorded } = progress.plan(id, outcome);
  for (const { index, when } of conditions) expect(workflow.edges[index]).toMatchObject({ source: id, when });
  const values = new Map(conditions.map(({ index }) => [index, fate.values[index]!]));
  const decision = progress.decide(id, outcome, values);
  return { outcome, decision, isRecorded, change: progress.finish(id, outcome, decision.taken) };
}

/** Runs a graph to its end, each time with a random one of the ready nodes, and checks every step against the model. */
function run(given: GraphCase, pick: (count: number) => number) {
  const { workflow } = given;
  const model = new GraphModel(workflow, given.fate);
  const progress = new GraphProgress(new WorkflowGraph(workflow));
  const known = new Map<string, Outcome>();
  /** The calls of `finish` that restore the graph, in the order in which the outcomes became known. */
  const journal: [id: string, outcome: Outcome, taken: string[]][] = [];
  const ready = [...progress.roots];
  for (;;) {
    const inOrder = workflow.nodes.map(({ id }) => id).filter((id) => ready.includes(id));
    expect(progress.readyNodes()).toEqual(inOrder);
    expect(inOrder).toEqual(model.ready(known));
    if (ready.length === 0) break;
    const [id] = ready.splice(pick(ready.length), 1);
    const { outcome, decision, isRecorded, change } = finish(progress, given, id!);
    expect(outcome === 'failed' && decision.isHandled).toBe(outcome === 'failed' && model.isHandled(id!));
    if (outcome === 'failed') expect(decision.takesAlways).toBe(model.takesAlways(id!));
    known.set(id!, outcome);
    journal.push([id!, outcome, isRecorded ? decision.taken : []]);
    for (const skipped of change.skipped) {
      known.set(skipped, 'skipped');
      journal.push([skipped, 'skipped', []]);
    }
    ready.push(...change.ready);
    expect(progress.doneCount).toBe(known.size);
  }
  return { model, progress, known, journal };
}

describe('a graph', () => {
  it('gives every node the outcome of the model, in any order of completion', () => {
    fc.assert(
      fc.property(graphCase(8), fc.infiniteStream(fc.nat(1_000)), (given, picks) => {
        const { model, progress, known } = run(given, (count) => picks.next().value! % count);
        const expected = model.outcomes();
        expect(known).toEqual(expected);
        for (const [id, outcome] of expected) expect(progress.outcomeOf(id)).toBe(outcome);
        expect(progress.doneCount).toBe(given.workflow.nodes.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same when it is restored, at any moment and in any order', () => {
    fc.assert(
      fc.property(
        graphCase(8),
        fc.infiniteStream(fc.nat(1_000)),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, picks, share) => {
          const random = (count: number) => picks.next().value! % count;
          const { model, journal } = run(given, random);
          const stored = journal.slice(0, Math.floor(journal.length * share));
          const restored = new GraphProgress(new WorkflowGraph(given.workflow));
          const known = new Map<string, Outcome>(stored.map(([id, outcome]) => [id, outcome]));
          const changes = [];
          for (const rest = [...stored]; rest.length > 0;) {
            const [[id, outcome, taken]] = rest.splice(random(rest.length), 1) as [(typeof rest)[number]];
            const change = restored.finish(id, outcome, taken);
            for (const ready of change.ready) expect(restored.outcomeOf(ready)).toBeUndefined();
            changes.push(change);
          }
          // A crash may have lost the record of a skip: then the restore finds it again.
          for (const { skipped } of changes) for (const id of skipped) known.set(id, 'skipped');
          expect(restored.readyNodes()).toEqual(model.ready(known));
          expect(restored.doneCount).toBe(known.size);
          for (const [id, outcome] of known) expect(restored.outcomeOf(id)).toBe(outcome);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

const workflowOf = (nodes: string, ...edges: [ends: string, members?: object][]): Workflow =>
  Workflow.parse({
    nodes: nodes.split('').map((id) => ({ id, type: 'delay' })),
    edges: edges.map(([[source, target], members]) => ({ source, target, ...members })),
  });
const progressOf = (workflow: Workflow) => new GraphProgress(new WorkflowGraph(workflow));

it('names edges by id, else by index, and evaluates only conditions whose outcome fits', () => {
  const progress = progressOf(
    workflowOf(
      'abcd',
      ['ab', { id: 'yes', when: 'input.yes' }],
      ['ac', { otherwise: true }],
      ['ad', { on: 'error', when: 'input.bad' }],
    ),
  );
  expect(progress.plan('a', 'completed')).toEqual({
    conditions: [{ index: 0, when: 'input.yes' }],
    isRecorded: true,
  });
  expect(progress.plan('a', 'failed')).toEqual({
    conditions: [{ index: 2, when: 'input.bad' }],
    isRecorded: true,
  });
  expect(progress.decide('a', 'completed', new Map([[0, false]]))).toEqual({
    taken: ['edges[1]'],
    notTaken: ['yes', 'edges[2]'],
    isHandled: false,
    takesAlways: false,
  });
  expect(progress.decide('a', 'failed', new Map([[2, true]]))).toEqual({
    taken: ['edges[2]'],
    notTaken: ['yes', 'edges[1]'],
    isHandled: true,
    takesAlways: false,
  });
});

it('does not handle a failure by an always edge', () => {
  const progress = progressOf(workflowOf('abc', ['ab', { on: 'always' }], ['ac']));
  expect(progress.decide('a', 'failed', new Map())).toMatchObject({ isHandled: false, takesAlways: true });
  expect(progress.finish('a', 'failed', ['edges[0]'])).toEqual({ ready: ['b'], skipped: ['c'] });
});

it('records no decision of a node whose edges only follow its success', () => {
  const progress = progressOf(workflowOf('abc', ['ab'], ['ac', { on: 'success' }]));
  expect(progress.plan('a', 'completed')).toEqual({ conditions: [], isRecorded: false });
  expect(progress.finish('a', 'completed')).toEqual({ ready: ['b', 'c'], skipped: [] });
});

it('keeps the first outcome of a node', () => {
  const progress = progressOf(workflowOf('ab', ['ab']));
  progress.finish('a', 'completed');
  expect(progress.finish('a', 'failed')).toEqual({ ready: [], skipped: [] });
  expect(progress.outcomeOf('a')).toBe('completed');
  expect(progress.doneCount).toBe(1);
});

it('reads each edge only a few times', () => {
  const size = 5_000;
  const nodes = Array.from({ length: size }, (_, index) => ({ id: `n${index}`, type: 'delay' }));
  const edges = nodes.slice(1).flatMap(({ id }, index) => [
    { source: 'n0', target: id, when: `input[${index}]` },
    { source: `n${index}`, target: id },
  ]);
  const workflow = Workflow.parse({ nodes, edges });
  const { counted, reads } = countReads(workflow.edges);
  const progress = progressOf({ ...workflow, edges: counted });
  const { taken } = progress.decide('n0', 'completed', new Map([[0, true]]));
  progress.finish('n0', 'completed', taken);
  for (let index = 1; index < size; index += 1) progress.finish(`n${index}`, 'completed');
  expect(progress.doneCount).toBe(size);
  expect(reads()).toBeLessThan(50 * edges.length);

  const before = reads();
  const skipping = progressOf({ ...workflow, edges: counted.filter(({ when }) => when === undefined) });
  expect(skipping.finish('n0', 'failed').skipped).toHaveLength(size - 1);
  expect(reads() - before).toBeLessThan(50 * edges.length);
});
