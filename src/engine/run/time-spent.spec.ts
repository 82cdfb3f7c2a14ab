import type { ExecutionEvent } from '@cloutagent/contract';
import { timeSpent } from './time-spent.js';

const at = (seconds: number, type: string, fields: object = {}): ExecutionEvent =>
  ({ type, timestamp: new Date(seconds * 1000).toISOString(), ...fields }) as ExecutionEvent;
const step = (seconds: number, nodeId: string, nodeType: string, status: string) =>
  at(seconds, 'execution:step', { stepId: nodeId, nodeId, nodeType, status });
const waiting = (seconds: number, nodeId: string, kind: string) => [
  step(seconds, nodeId, 'module', 'waiting'),
  at(seconds, 'execution:waiting', { waitId: nodeId, nodeId, stepId: nodeId, kind }),
];
const waitEnded = (seconds: number, nodeId: string) => [
  at(seconds, 'execution:wait-ended', { waitId: nodeId, nodeId }),
  step(seconds, nodeId, 'module', 'running'),
];

describe('timeSpent', () => {
  it('counts the time from the start to the last event', () => {
    expect(timeSpent([at(10, 'execution:started'), step(11, 'a', 'agent', 'running')])).toBe(1_000);
    expect(timeSpent([])).toBe(0);
  });

  it('leaves out pauses and the time in which no process ran the execution', () => {
    const events = [
      at(0, 'execution:started'),
      step(1, 'a', 'agent', 'running'),
      at(2, 'execution:paused'),
      at(100, 'execution:resumed'),
      step(101, 'a', 'agent', 'completed'),
      // The process died here.
      at(500, 'execution:started'),
      at(500, 'execution:paused'),
      at(900, 'execution:resumed'),
      at(902, 'execution:progress'),
    ];
    expect(timeSpent(events)).toBe(5_000);
  });

  it.each(['approval', 'signal', 'timer', 'tool', 'failure'])(
    'leaves out a wait of the kind %s, unless another step runs at the same time',
    (kind) => {
      const events = [
        at(0, 'execution:started'),
        step(0, 'ask', 'module', 'running'),
        ...waiting(1, 'ask', kind),
        step(1, 'work', 'agent', 'running'),
        step(5, 'work', 'agent', 'completed'),
        ...waitEnded(1000, 'ask'),
        step(1001, 'ask', 'module', 'completed'),
      ];
      expect(timeSpent(events)).toBe(6_000);
    },
  );

  it('counts the time of child executions, also until now', () => {
    const events = [at(0, 'execution:started'), ...waiting(1, 'map', 'children')];
    expect(timeSpent(events, 60_000)).toBe(60_000);
    expect(timeSpent([...events, ...waitEnded(50, 'map')], 60_000)).toBe(50_000);
  });

  it('counts no negative time if the clocks of two machines differ', () => {
    expect(timeSpent([at(10, 'execution:started'), step(5, 'a', 'agent', 'running')])).toBe(0);
  });
});
