import { edgeLabels, edgeState } from './edge-state.js';
import { nodeState } from './node-state.js';

const edge = { source: 'a', target: 'b' };
const branches = { a: { taken: ['yes', 'edges[2]'], notTaken: ['no'] } };

describe('The state of an edge', () => {
  it('is the recorded decision, by the id of the edge or by its index', () => {
    expect(edgeState({ ...edge, id: 'yes' }, 0, branches, 'completed')).toBe('taken');
    expect(edgeState({ ...edge, id: 'no' }, 1, branches, 'completed')).toBe('not-taken');
    expect(edgeState(edge, 2, branches, 'completed')).toBe('taken');
    expect(edgeState(edge, 3, branches, 'completed')).toBe('open');
  });

  it('follows the source where no decision is recorded', () => {
    expect(edgeState(edge, 0, {}, undefined)).toBe('open');
    expect(edgeState(edge, 0, {}, 'running')).toBe('open');
    expect(edgeState(edge, 0, {}, 'waiting')).toBe('open');
    expect(edgeState(edge, 0, {}, 'completed')).toBe('taken');
    expect(edgeState({ ...edge, on: 'error' }, 0, {}, 'completed')).toBe('not-taken');
    expect(edgeState(edge, 0, {}, 'failed')).toBe('not-taken');
    expect(edgeState(edge, 0, {}, 'skipped')).toBe('not-taken');
    // A node may be called like a member of every object.
    expect(edgeState({ ...edge, source: 'constructor' }, 0, {}, 'completed')).toBe('taken');
  });
});

describe('The labels of edges', () => {
  it('say when an edge is taken, once for edges between the same nodes', () => {
    const edges = [
      edge,
      { ...edge, target: 'c', isConditional: true },
      { ...edge, target: 'd', otherwise: true },
      { ...edge, target: 'e', on: 'error' as const, isConditional: true },
      { ...edge, target: 'f', on: 'always' as const },
      { ...edge, target: 'c', on: 'error' as const },
      { ...edge, target: 'g', on: 'success' as const },
    ];
    expect(edgeLabels(edges)).toEqual(['', 'if · error', 'otherwise', 'error, if', 'always', '', '']);
  });
});

describe('The state of a node', () => {
  const step = {
    stepId: 's',
    step: 'a',
    nodeId: 'a',
    nodeType: 'approval',
    attempt: 1,
    startedAt: '',
    duration: 5,
  } as const;
  const wait = { waitId: 'w', nodeId: 'a', stepId: 's', since: '' } as const;
  const stateOf = (facts: Partial<Parameters<typeof nodeState>[0]>) => {
    const { status, label } = nodeState({ step: undefined, waits: [], ended: false, ...facts }, String);
    return [status, label];
  };

  it('names what the node waits for', () => {
    const waiting = { ...step, status: 'waiting' as const };
    expect(stateOf({ step: waiting, waits: [{ ...wait, kind: 'approval' }] })).toEqual([
      'approval',
      'needs approval',
    ]);
    expect(stateOf({ step: waiting, waits: [{ ...wait, kind: 'failure' }] })).toEqual([
      'approval',
      'needs a decision',
    ]);
    expect(stateOf({ step: waiting, waits: [{ ...wait, kind: 'signal' }] })).toEqual([
      'waiting',
      'waits for signal',
    ]);
    expect(
      stateOf({ step: waiting, waits: [{ ...wait, kind: 'children', children: { count: 3 } }] }),
    ).toEqual(['waiting', '3 children']);
  });

  it('counts the approvals of a node, and shows them before a timer', () => {
    const waiting = { ...step, status: 'waiting' as const };
    const tool = { ...wait, kind: 'tool' as const };
    expect(stateOf({ step: waiting, waits: [{ ...wait, kind: 'timer' }, tool, tool, tool] })).toEqual([
      'approval',
      'needs 3 approvals',
    ]);
  });

  it('says that the answer of a completed node was cut off', () => {
    const done = { ...step, status: 'completed' as const, incomplete: true };
    expect(nodeState({ step: done, waits: [], ended: true }, String).detail).toBe('5 · answer cut off');
    const retried = { ...step, status: 'retrying' as const, incomplete: true };
    expect(nodeState({ step: retried, waits: [], ended: true }, String).detail).toBe('5');
  });

  it('is that of the last step, or not started', () => {
    expect(stateOf({})).toEqual(['idle', 'not started']);
    expect(stateOf({ ended: true })).toEqual(['idle', 'did not run']);
    expect(stateOf({ step: { ...step, status: 'skipped' } })).toEqual(['skipped', 'skipped']);
    expect(stateOf({ step: { ...step, status: 'completed', reusedFrom: 'x' } })).toEqual([
      'completed',
      'kept',
    ]);
  });
});
