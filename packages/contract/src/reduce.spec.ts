import type { EventFields, EventType, ExecutionEvent } from './events.js';
import type { StepStatus } from './execution.js';
import { applyEvent, initialState } from './reduce.js';

const step = (sequence: number, stepId: string, status: StepStatus): ExecutionEvent => ({
  sequence,
  type: 'execution:step',
  executionId: 'x',
  timestamp: '2026-11-23T18:00:00.000Z',
  step: stepId,
  stepId,
  nodeId: stepId,
  nodeType: 'delay',
  status,
  attempt: 1,
});
const statusesAfter = (...events: ExecutionEvent[]) =>
  events.reduce(applyEvent, initialState()).steps.map(({ status }) => status);

describe('applyEvent: the status of a step', () => {
  it('is cancelled when its execution ended while it was running', () => {
    expect(statusesAfter(step(1, 'a', 'running'), step(2, 'a', 'cancelled'))).toEqual(['cancelled']);
  });

  it('is cancelled when a journal of an earlier version marks a running step as skipped', () => {
    expect(statusesAfter(step(1, 'a', 'running'), step(2, 'a', 'skipped'))).toEqual(['cancelled']);
  });

  it('is skipped when its branch was not taken', () => {
    expect(statusesAfter(step(1, 'a', 'running'), step(2, 'b', 'skipped'))).toEqual(['running', 'skipped']);
    const again = [step(1, 'a', 'running'), step(2, 'a', 'completed'), step(3, 'a', 'skipped')];
    expect(statusesAfter(...again)).toEqual(['skipped']);
  });
});

/** Makes a journal from types and fields, as one execution records them. */
const journal = (...events: [type: string, fields?: object][]): ExecutionEvent[] =>
  events.map(
    ([type, fields], index) =>
      ({
        sequence: index + 1,
        type: `execution:${type}`,
        executionId: 'x',
        timestamp: `2026-11-23T18:00:${String(index).padStart(2, '0')}.000Z`,
        ...fields,
      }) as ExecutionEvent,
  );
const stepOf = (nodeId: string, status: StepStatus, more: object = {}): [string, object] => [
  'step',
  { stepId: `${nodeId}-1`, nodeId, step: nodeId, nodeType: 'approval', status, attempt: 1, ...more },
];
const waitOf = (nodeId: string, more: Partial<EventFields['execution:waiting']> = {}): [string, object] => [
  'waiting',
  { waitId: `wait-${nodeId}`, nodeId, stepId: `${nodeId}-1`, kind: 'approval', ...more },
];
const endOf = (nodeId: string, outcome = 'answered'): [string, object] => [
  'wait-ended',
  { waitId: `wait-${nodeId}`, nodeId, stepId: `${nodeId}-1`, kind: 'approval', outcome },
];
/** The status after each event. */
const statusesOf = (events: ExecutionEvent[]): string[] => {
  const state = initialState();
  return events.map((event) => applyEvent(state, event).status);
};

describe('applyEvent: the status of an execution', () => {
  it('is waiting only while no step runs and a wait is open', () => {
    const events = journal(
      ['started', { projectId: 'p', attempt: 1 }],
      stepOf('a', 'running'),
      stepOf('b', 'running'),
      stepOf('a', 'waiting'),
      waitOf('a'),
      stepOf('b', 'completed'),
      endOf('a'),
      stepOf('a', 'running'),
      stepOf('a', 'completed'),
      ['completed', { result: {} }],
    );
    expect(statusesOf(events)).toEqual([
      'running',
      'running',
      'running',
      'running',
      'running',
      'waiting',
      'running',
      'running',
      'running',
      'completed',
    ]);
  });

  it('stays waiting while another wait is open', () => {
    const events = journal(
      ['started'],
      stepOf('a', 'waiting'),
      waitOf('a'),
      stepOf('b', 'waiting'),
      waitOf('b'),
      endOf('a'),
      stepOf('a', 'running'),
      stepOf('a', 'completed'),
      endOf('b', 'expired'),
    );
    expect(statusesOf(events).slice(1)).toEqual([
      'running',
      'waiting',
      'waiting',
      'waiting',
      'waiting',
      'running',
      'waiting',
      'running',
    ]);
  });

  it('is paused during a pause, and waiting again after it if the wait is still open', () => {
    const events = journal(
      ['started'],
      stepOf('a', 'waiting'),
      waitOf('a'),
      ['paused'],
      ['resumed'],
      ['paused'],
      endOf('a'),
      ['resumed'],
      stepOf('a', 'running'),
    );
    expect(statusesOf(events).slice(2)).toEqual([
      'waiting',
      'paused',
      'waiting',
      'paused',
      'paused',
      'running',
      'running',
    ]);
  });

  it('is computed from steps and waits when another process takes over', () => {
    const taken = (...before: [string, object?][]) =>
      statusesOf(journal(['started'], ...before, ['started', { projectId: 'p', attempt: 2 }])).at(-1);
    expect(taken(stepOf('a', 'waiting'), waitOf('a'))).toBe('waiting');
    expect(taken(stepOf('a', 'waiting'), waitOf('a'), stepOf('b', 'running'))).toBe('running');
    expect(taken(stepOf('a', 'waiting'), waitOf('a'), ['paused'])).toBe('waiting');
    expect(taken()).toBe('running');
  });

  it.each(['completed', 'failed', 'cancelled'])('%s leaves no wait open', (type) => {
    const events = journal(['started'], stepOf('a', 'waiting'), waitOf('a'), [type]);
    expect(events.reduce(applyEvent, initialState())).toMatchObject({ status: type, waits: [] });
  });

  it('is that of earlier versions for their events', () => {
    const types: [string, object?][] = [
      ['started'],
      stepOf('a', 'running'),
      ['paused'],
      ['resumed'],
      stepOf('a', 'completed'),
      ['failed'],
    ];
    expect(statusesOf(journal(...types))).toEqual([
      'running',
      'running',
      'paused',
      'running',
      'running',
      'failed',
    ]);
  });
});

describe('applyEvent: waits and branches', () => {
  it('keeps the fields of an open wait, with the time since which it is open', () => {
    const fields = { message: 'Publish?', assignees: ['key:1'], until: '2026-11-24T00:00:00.000Z' };
    const state = journal(['started'], waitOf('a', fields)).reduce(applyEvent, initialState());
    expect(state.waits).toEqual([
      {
        waitId: 'wait-a',
        nodeId: 'a',
        stepId: 'a-1',
        kind: 'approval',
        ...fields,
        since: '2026-11-23T18:00:01.000Z',
      },
    ]);
  });

  it('keeps a wait once, and ignores the end of a wait that is not open', () => {
    const state = journal(['started'], waitOf('a'), waitOf('b'), waitOf('a'), endOf('c')).reduce(
      applyEvent,
      initialState(),
    );
    expect(state.waits.map(({ nodeId }) => nodeId)).toEqual(['b', 'a']);
  });

  it('keeps a waiting step open, and continues it under the same id', () => {
    const events = journal(
      ['started'],
      stepOf('a', 'running'),
      stepOf('a', 'waiting'),
      waitOf('a'),
      endOf('a'),
      stepOf('a', 'running'),
    );
    const { steps } = events.reduce(applyEvent, initialState());
    expect(steps).toEqual([
      expect.objectContaining({ status: 'running', startedAt: '2026-11-23T18:00:01.000Z' }),
    ]);
    expect(steps[0]).not.toHaveProperty('completedAt');
  });

  it('reads a waiting step that is cut off as cancelled', () => {
    const { steps } = journal(stepOf('a', 'waiting'), stepOf('a', 'skipped')).reduce(
      applyEvent,
      initialState(),
    );
    expect(steps).toEqual([
      expect.objectContaining({ status: 'cancelled', completedAt: expect.any(String) }),
    ]);
  });

  it('keeps the decision of each node, also of one with a hostile id', () => {
    const branch = (nodeId: string): [string, object] => [
      'branch',
      { nodeId, stepId: 's', taken: ['yes'], notTaken: ['edges[1]'] },
    ];
    const { branches } = journal(branch('a'), branch('constructor'), branch('__proto__')).reduce(
      applyEvent,
      initialState(),
    );
    expect(Object.keys(branches)).toEqual(['a', 'constructor', '__proto__']);
    expect(branches['a']).toEqual({ taken: ['yes'], notTaken: ['edges[1]'] });
  });

  it('ignores events of types that it does not know', () => {
    const known: EventType = 'execution:started';
    const events = journal([known.slice('execution:'.length)], ['of-a-later-version', { status: 'failed' }]);
    expect(events.reduce(applyEvent, initialState())).toMatchObject({ status: 'running', lastSequence: 2 });
  });
});
