import type { ExecutionEvent } from '@cloutagent/contract';
import { timeSpent as spent } from './time-spent.js';

const timeSpent = (events: readonly ExecutionEvent[]) => spent(events, (type) => type === 'approval');

const at = (seconds: number, type: string, fields: object = {}): ExecutionEvent =>
  ({ type, timestamp: new Date(seconds * 1000).toISOString(), ...fields }) as ExecutionEvent;
const step = (seconds: number, nodeId: string, nodeType: string, status: string) =>
  at(seconds, 'execution:step', { nodeId, nodeType, status });

describe('timeSpent', () => {
  it('counts the time from the start to the last event', () => {
    expect(timeSpent([at(10, 'execution:started'), step(11, 'a', 'agent', 'running')])).toBe(1_000);
    expect(timeSpent([])).toBe(0);
  });

  it('leaves out the waits of any node type that only waits for people', () => {
    const events = [
      at(0, 'execution:started'),
      step(1, 'a', 'review', 'running'),
      step(1, 'b', 'agent', 'running'),
      step(3, 'b', 'agent', 'completed'),
      step(1_000, 'a', 'review', 'completed'),
    ];
    expect(spent(events, (type) => type === 'review')).toBe(3_000);
    expect(timeSpent(events)).toBe(1_000_000);
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

  it('leaves out waits for a person, unless another node runs at the same time', () => {
    const events = [
      at(0, 'execution:started'),
      step(0, 'ask', 'approval', 'running'),
      step(0, 'work', 'agent', 'running'),
      step(5, 'work', 'agent', 'completed'),
      step(1000, 'ask', 'approval', 'completed'),
      step(1001, 'next', 'agent', 'running'),
    ];
    expect(timeSpent(events)).toBe(6_000);
  });

  it('counts no negative time if the clocks of two machines differ', () => {
    expect(timeSpent([at(10, 'execution:started'), step(5, 'a', 'agent', 'running')])).toBe(0);
  });
});
