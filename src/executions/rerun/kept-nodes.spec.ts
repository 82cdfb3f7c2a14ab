import fc from 'fast-check';
import { Workflow, WorkflowGraph } from '@cloutagent/contract';
import type { Step, StepStatus } from '@cloutagent/contract';
import { type EndedRun, isSameWorkflow, keptNodes, type RerunPlan } from './kept-nodes.js';

type Edge = { source: string; target: string } & Record<string, unknown>;

const workflowOf = (ids: string, edges: (string | Edge)[], configs: Record<string, unknown> = {}): Workflow =>
  Workflow.parse({
    nodes: Array.from(ids).map((id) => ({
      id,
      type: 'transform',
      data: { config: { is: configs[id] ?? id } },
    })),
    edges: edges.map((edge) => (typeof edge === 'string' ? { source: edge[0], target: edge[1] } : edge)),
  });

const step = (nodeId: string, status: StepStatus): Step => ({
  stepId: `step-${nodeId}`,
  step: nodeId,
  nodeId,
  nodeType: 'transform',
  status,
  attempt: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
});

const LETTERS: Record<string, StepStatus> = {
  c: 'completed',
  s: 'skipped',
  f: 'failed',
  x: 'cancelled',
  r: 'retrying',
};

/** An ended run, whose steps are written as `a:c b:f`. */
const ended = (workflow: Workflow, steps: string, extra: Partial<EndedRun> = {}): EndedRun => ({
  workflow,
  state: {
    steps: steps.split(' ').map((text) => step(text[0]!, LETTERS[text[2]!]!)),
    branches: {},
  },
  answered: new Set(),
  failedChildren: new Set(),
  ...extra,
});

const planOf = (workflow: Workflow, plan: Partial<RerunPlan> = {}): RerunPlan => ({
  workflow,
  from: 'failed',
  isChanged: false,
  ...plan,
});

const keptOf = (old: EndedRun, plan: RerunPlan): string =>
  keptNodes(old, plan)
    .steps.map(({ nodeId }) => nodeId)
    .join('');

const LINE = workflowOf('abcd', ['ab', 'bc', 'cd']);
const DIAMOND = workflowOf('abcd', ['ab', 'ac', 'bd', 'cd']);

describe('keptNodes', () => {
  it.each<[title: string, workflow: Workflow, steps: string, plan: Partial<RerunPlan>, kept: string]>([
    ['the nodes before the one that failed', LINE, 'a:c b:c c:f', {}, 'ab'],
    ['the nodes before one that was cut off', DIAMOND, 'a:c b:x c:f', {}, 'a'],
    ['the nodes before one that was to be retried', LINE, 'a:c b:r', {}, 'a'],
    ['a branch that does not come after the failure', DIAMOND, 'a:c b:f c:c', {}, 'ac'],
    ['what is not reachable from the named nodes', DIAMOND, 'a:c b:c c:c d:c', { from: ['b'] }, 'ac'],
    ['nothing from the first node on', LINE, 'a:c b:c c:c d:c', { from: ['a'] }, ''],
    ['all if nothing failed', LINE, 'a:c b:c c:c d:c', {}, 'abcd'],
    ['nothing if nothing failed and all run again then', LINE, 'a:c b:c c:c d:c', { restarts: true }, ''],
    ['completed nodes if one failed, although all would run again', LINE, 'a:c b:f', { restarts: true }, 'a'],
    ['nodes that were skipped', DIAMOND, 'a:c b:s c:f', {}, 'ab'],
    [
      'nodes before one with another config',
      LINE,
      'a:c b:c c:c d:c',
      { workflow: workflowOf('abcd', ['ab', 'bc', 'cd'], { c: 'new' }) },
      'ab',
    ],
    [
      'nodes before one with another incoming edge',
      LINE,
      'a:c b:c c:c d:c',
      { workflow: workflowOf('abcd', ['ab', 'bc', 'cd', 'bd']) },
      'abc',
    ],
    [
      'nodes that are not in the old workflow: none',
      LINE,
      'a:c b:c c:c d:c',
      { workflow: workflowOf('abcde', ['ab', 'bc', 'cd', 'de']) },
      'abcd',
    ],
    ['no removed node', LINE, 'a:c b:c c:c d:c', { workflow: workflowOf('abc', ['ab', 'bc']) }, 'abc'],
    [
      'no node that a removed edge led to',
      LINE,
      'a:c b:c c:c d:c',
      { workflow: workflowOf('abcd', ['ab', 'bc']) },
      'abc',
    ],
    [
      'nodes whatever the order of nodes and edges',
      LINE,
      'a:c b:c c:c d:f',
      { workflow: workflowOf('dcba', ['cd', 'ab', 'bc']) },
      'abc',
    ],
  ])('keeps %s', (_title, workflow, steps, plan, kept) => {
    expect(keptOf(ended(workflow, steps), planOf(workflow, plan))).toBe(kept);
  });

  it('compares the type and the join of a node as well', () => {
    const old = ended(LINE, 'a:c b:c c:c d:f');
    const changed = (change: object): Workflow =>
      Workflow.parse({
        ...LINE,
        nodes: LINE.nodes.map((node) => (node.id === 'b' ? { ...node, ...change } : node)),
      });
    expect(keptOf(old, planOf(changed({ type: 'delay' })))).toBe('a');
    expect(keptOf(old, planOf(changed({ data: { ...LINE.nodes[1]!.data, join: 'any' } })))).toBe('a');
    expect(keptOf(old, planOf(changed({ data: { ...LINE.nodes[1]!.data, label: 'B', timeoutMs: 5 } })))).toBe(
      'abc',
    );
  });

  it('takes the last step of a node', () => {
    const old = ended(LINE, 'a:f a:c b:c b:f');
    expect(keptOf(old, planOf(LINE))).toBe('a');
  });

  it('keeps an answer of a person only while nothing is changed', () => {
    const old = ended(LINE, 'a:c b:c c:c d:f', { answered: new Set(['b']) });
    expect(keptOf(old, planOf(LINE))).toBe('abc');
    expect(keptOf(old, planOf(LINE, { isChanged: true }))).toBe('a');
  });

  describe('with a handled failure', () => {
    const workflow = workflowOf('abcd', ['ab', { id: 'saved', source: 'b', target: 'c', on: 'error' }, 'cd']);
    const old = ended(workflow, 'a:c b:f c:c d:f');
    old.state.branches = { b: { taken: ['saved'], notTaken: [] } };

    it('runs the node again with the failed ones', () => expect(keptOf(old, planOf(workflow))).toBe('a'));
    it('keeps the failure and its decision when other nodes are named', () => {
      const kept = keptNodes(old, planOf(workflow, { from: ['d'] }));
      expect(kept.steps.map(({ nodeId, status }) => `${nodeId}:${status}`)).toEqual([
        'a:completed',
        'b:failed',
        'c:completed',
      ]);
      expect(kept.branches).toEqual([{ nodeId: 'b', taken: ['saved'], notTaken: [] }]);
    });
    it('runs the node again if the edge is another one', () => {
      const changed = workflowOf('abcd', ['ab', 'bc', 'cd']);
      expect(keptOf(old, planOf(changed, { from: ['d'] }))).toBe('a');
    });
  });

  describe('with conditions', () => {
    const edges: Edge[] = [
      { source: 'a', target: 'b', when: 'input' },
      { source: 'a', target: 'c', otherwise: true },
      { source: 'b', target: 'd' },
    ];
    const workflow = workflowOf('abcd', edges);
    const old = ended(workflow, 'a:c b:c c:s d:f');
    old.state.branches = { a: { taken: ['edges[0]'], notTaken: ['edges[1]'] } };

    it('keeps the decision with the new names of the edges', () => {
      const [first, second, third] = edges as [Edge, Edge, Edge];
      const renamed = workflowOf('abcd', [third, { ...second, id: 'no' }, first]);
      const kept = keptNodes(old, planOf(renamed));
      expect(kept.steps.map(({ nodeId }) => nodeId)).toEqual(['a', 'c', 'b']);
      expect(kept.branches).toEqual([{ nodeId: 'a', taken: ['edges[2]'], notTaken: ['no'] }]);
    });

    it('decides again if a condition is another one, and runs again what came after it', () => {
      const changed = workflowOf('abcd', [{ ...edges[0]!, when: 'input.x' }, edges[1]!, edges[2]!]);
      const kept = keptNodes(old, planOf(changed));
      expect(kept.steps.map(({ nodeId }) => nodeId)).toEqual(['a']);
      expect(kept.branches).toEqual([]);
    });

    it('decides again if an edge with a condition is added', () => {
      const changed = workflowOf('abcde', [...edges, { source: 'a', target: 'e', when: 'true' }]);
      expect(keptOf(old, planOf(changed))).toBe('a');
    });
  });

  describe('with child executions', () => {
    const withChildren = (steps: string, plan: Partial<RerunPlan> = {}, failed: string[] = []): string[] =>
      keptNodes(ended(LINE, steps, { failedChildren: new Set(failed) }), planOf(LINE, plan)).withChildren;

    it('keeps those of a node that failed, was cut off or has not run', () => {
      expect(withChildren('a:c b:f')).toEqual(['b', 'c', 'd']);
      expect(withChildren('a:c b:x', { from: ['b'] })).toEqual(['b', 'c', 'd']);
    });
    it('keeps none of a completed node that runs again', () =>
      expect(withChildren('a:c b:c c:c d:c', { from: ['c'] })).toEqual([]));
    it('keeps the others of a completed node with some that failed', () =>
      expect(withChildren('a:c b:c c:c d:c', { from: ['b'] }, ['c'])).toEqual(['c']));
    it('begins at a completed node with some that failed if no node failed', () => {
      expect(keptOf(ended(LINE, 'a:c b:c c:c d:c', { failedChildren: new Set(['c']) }), planOf(LINE))).toBe(
        'ab',
      );
      expect(keptOf(ended(LINE, 'a:c b:c c:c d:f', { failedChildren: new Set(['c']) }), planOf(LINE))).toBe(
        'abc',
      );
    });
    it('keeps none if the config is another one', () => {
      const workflow = workflowOf('abcd', ['ab', 'bc', 'cd'], { b: 'new' });
      expect(withChildren('a:c b:f', { workflow })).toEqual(['c', 'd']);
    });
  });

  it('keeps all nodes before a kept one, and none at which the re-run begins or that it reaches', () => {
    const ids = 'abcdefgh';
    const arbitrary = fc.record({
      edges: fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.constantFrom('success', 'error', 'always')), {
        maxLength: 16,
      }),
      added: fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.constant('success')), { maxLength: 2 }),
      changed: fc.subarray(Array.from(ids), { maxLength: 2 }),
      statuses: fc.array(fc.constantFrom('c', 'c', 'c', 's', 'f', 'x', 'r', '-'), {
        minLength: 8,
        maxLength: 8,
      }),
      from: fc.oneof(fc.constant('failed' as const), fc.subarray(Array.from(ids), { minLength: 1 })),
      answered: fc.subarray(Array.from(ids)),
      isChanged: fc.boolean(),
    });
    const edgesOf = (pairs: (readonly [number, number, string])[]): Edge[] =>
      pairs
        .filter(([one, other]) => one !== other)
        .map(([one, other, on]) => ({
          source: ids[Math.min(one, other)]!,
          target: ids[Math.max(one, other)]!,
          on,
        }));
    fc.assert(
      fc.property(arbitrary, ({ edges, added, changed, statuses, from, answered, isChanged }) => {
        const before = workflowOf(ids, edgesOf(edges));
        const configs = Object.fromEntries(changed.map((id) => [id, 'new']));
        const workflow = workflowOf(ids, edgesOf([...edges, ...added]), configs);
        const steps = statuses.flatMap((status, index) =>
          status === '-' ? [] : [step(ids[index]!, LETTERS[status]!)],
        );
        const old: EndedRun = {
          workflow: before,
          state: { steps, branches: {} },
          answered: new Set(answered),
          failedChildren: new Set(),
        };
        const kept = keptNodes(old, { workflow, from, isChanged }).steps.map(({ nodeId }) => nodeId);
        const graph = new WorkflowGraph(workflow);
        const isKept = new Set(kept);
        kept.forEach((id, position) => {
          for (const parent of graph.parentsOf(id)) expect(kept.indexOf(parent)).toBeLessThan(position);
          for (const parent of graph.parentsOf(id)) expect(isKept.has(parent)).toBe(true);
          expect(['completed', 'skipped']).toContain(steps.find(({ nodeId }) => nodeId === id)?.status);
          expect(changed).not.toContain(id);
          if (isChanged) expect(answered).not.toContain(id);
        });
        // Every node that is not kept has a reason, or comes after a node that has one.
        for (const node of workflow.nodes) {
          if (isKept.has(node.id)) {
            if (from !== 'failed') expect(from).not.toContain(node.id);
            continue;
          }
          const status = steps.find(({ nodeId }) => nodeId === node.id)?.status ?? 'none';
          const hasReason =
            !['completed', 'skipped'].includes(status) ||
            (from !== 'failed' && from.includes(node.id)) ||
            changed.includes(node.id) ||
            (isChanged && answered.includes(node.id)) ||
            added.length > 0 ||
            graph.parentsOf(node.id).some((parent) => !isKept.has(parent));
          expect(hasReason).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('isSameWorkflow', () => {
  it.each<[title: string, other: unknown, isSame: boolean]>([
    [
      'positions and labels',
      {
        ...LINE,
        nodes: LINE.nodes.map((node) => ({
          ...node,
          position: { x: 1, y: 2 },
          data: { ...node.data, label: 'x' },
        })),
      },
      true,
    ],
    [
      'the order of nodes and edges',
      { nodes: LINE.nodes.toReversed(), edges: LINE.edges.toReversed() },
      true,
    ],
    [
      'ids of edges and outcomes by default',
      { ...LINE, edges: LINE.edges.map((edge) => ({ ...edge, id: 'e', on: 'success', when: null })) },
      true,
    ],
    ['a config', workflowOf('abcd', ['ab', 'bc', 'cd'], { a: 1 }), false],
    ['an edge', workflowOf('abcd', ['ab', 'bc', 'bd']), false],
    ['a node', workflowOf('abcde', ['ab', 'bc', 'cd']), false],
  ])('compares %s', (_title, other, isSame) => {
    expect(isSameWorkflow(LINE, Workflow.parse(other))).toBe(isSame);
  });
});
