import type { ExecutionEvent } from './events.js';
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
