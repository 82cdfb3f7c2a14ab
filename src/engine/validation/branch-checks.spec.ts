import { Workflow } from '@cloutagent/contract';
import { countReads } from '../../../test/support/counted-reads.js';
import { checkBranches } from './branch-checks.js';

type EdgeMembers = { id?: string; on?: string; when?: string; otherwise?: boolean };
/** `ab` is an edge from a to b. */
type Edge = string | [ends: string, members: EdgeMembers];

function problemsOf(...edges: Edge[]): string[] {
  const given = edges.map((edge) => (typeof edge === 'string' ? ([edge, {}] as const) : edge));
  const ids = new Set(given.flatMap(([ends]) => ends.split('')));
  const workflow = Workflow.parse({
    nodes: [...ids].map((id) => ({ id, type: 'delay' })),
    edges: given.map(([[source, target], members]) => ({ source, target, ...members })),
  });
  return checkBranches(workflow).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('an edge with otherwise', () => {
  const NEEDS = /^edges\.1\.otherwise: needs another edge from node "a" that has when/;

  it.each<[string, Edge[]]>([
    ['no other edge', ['ab', ['bc', { otherwise: true }], ['ad', { when: 'input.x' }]]],
    [
      'only an edge for another outcome',
      [
        ['bc', { when: 'input.x', on: 'error' }],
        ['bd', { otherwise: true }],
      ],
    ],
    [
      'only another otherwise',
      [
        ['bc', { otherwise: true }],
        ['bd', { otherwise: true }],
      ],
    ],
  ])('is refused beside %s', (_what, edges) => {
    const found = problemsOf(...edges).filter((problem) => problem.includes('"b"'));
    expect(found.length).toBeGreaterThan(0);
    for (const problem of found)
      expect(problem).toMatch(/^edges\.\d\.otherwise: needs another edge from node "b"/);
  });

  it('is refused with the path of the edge', () => {
    expect(problemsOf('ab', ['ac', { otherwise: true }])).toEqual([expect.stringMatching(NEEDS)]);
  });

  it.each<[string, EdgeMembers, EdgeMembers]>([
    ['for the same outcome', { when: 'input.x' }, { otherwise: true, on: 'success' }],
    ['for both outcomes', { when: 'input.x', on: 'always' }, { otherwise: true, on: 'error' }],
    ['for one of its outcomes', { when: 'input.x', on: 'error' }, { otherwise: true, on: 'always' }],
  ])('is accepted beside a condition %s', (_what, condition, otherwise) => {
    expect(problemsOf(['ab', condition], ['ac', otherwise])).toEqual([]);
  });

  it('is refused if it has a condition too', () => {
    expect(problemsOf(['ab', { when: 'input.x' }], ['ac', { when: 'input.y', otherwise: true }])).toEqual([
      'edges.1.otherwise: an edge has either when or otherwise: remove one of them',
    ]);
  });

  it('changes nothing if it is false', () => {
    expect(problemsOf(['ab', { otherwise: false }], ['ac', { when: 'input.x', otherwise: false }])).toEqual(
      [],
    );
  });
});

describe('the names of edges', () => {
  const SAME = expect.stringMatching(/^edges\.1\.id: another edge from node "a" has the same name/) as string;

  it('must differ among the edges of a node with branches', () => {
    expect(problemsOf(['ab', { id: 'e', when: 'input.x' }], ['ac', { id: 'e' }])).toEqual([SAME]);
  });

  it('must differ from the names of edges without an id', () => {
    expect(problemsOf(['ab', { when: 'input.x' }], ['ac', { id: 'edges[0]' }])).toEqual([SAME]);
    expect(problemsOf('ax', ['ab', { id: 'edges[2]' }], ['ac', { when: 'input.x' }])).toEqual([SAME]);
  });

  it('may repeat elsewhere', () => {
    expect(problemsOf(['ab', { id: 'e' }], ['ac', { id: 'e' }])).toEqual([]);
    expect(problemsOf(['ab', { id: 'e', when: 'input.x' }], ['bc', { id: 'e', on: 'error' }])).toEqual([]);
  });
});

describe('a condition', () => {
  it.each(['1', '"yes"', 'null', ' {"a": true} ', '[true]'])('is refused if it is always %s', (when) => {
    expect(problemsOf(['ab', { when }])).toEqual([
      expect.stringMatching(/^edges\.0\.when: is not a condition/),
    ]);
  });

  it('may be a constant while its target has another edge', () => {
    expect(problemsOf(['ab', { when: 'false' }], 'ab', ['ac', { when: 'true' }])).toEqual([]);
  });
});

describe('a node that can never run', () => {
  const never = (index: number, id: string) =>
    expect.stringMatching(new RegExp(`^nodes\\.${index}: node "${id}" can never run`)) as string;

  it('is one whose edges have conditions that are never true, and what follows only it', () => {
    expect(
      problemsOf(['ab', { when: 'false' }], ['bc', { on: 'always' }], ['ad', { when: ' false ' }], 'ed'),
    ).toEqual([never(1, 'b'), never(2, 'c')]);
  });

  it('is one after an otherwise beside a condition that is always true', () => {
    expect(problemsOf(['ab', { when: 'true' }], ['ac', { otherwise: true }])).toEqual([never(2, 'c')]);
    expect(
      problemsOf(['ab', { when: 'true', on: 'always' }], ['ac', { otherwise: true, on: 'error' }]),
    ).toEqual([never(2, 'c')]);
    expect(problemsOf(['ab', { when: 'true' }], ['ac', { otherwise: true, on: 'always' }])).toEqual([]);
  });

  it('is not one that needs a failure', () => {
    expect(problemsOf(['ab', { on: 'error' }], ['bc', { on: 'error' }])).toEqual([]);
  });
});

it('reads each edge of the largest workflow only a few times', () => {
  const nodes = Array.from({ length: 5_000 }, (_, index) => ({ id: `n${index}`, type: 'delay' }));
  const edges = Array.from({ length: 10_000 }, (_, index) => ({
    source: 'n0',
    target: `n${1 + (index % 4_999)}`,
    ...(index % 2 ? { when: `input.x = ${index}` } : { otherwise: true }),
  }));
  const workflow = Workflow.parse({ nodes, edges });
  const { counted, reads } = countReads(workflow.edges);
  expect(checkBranches({ ...workflow, edges: counted })).toEqual([]);
  expect(reads()).toBeLessThan(50 * edges.length);
});
