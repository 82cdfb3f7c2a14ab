import type { ExecutionEventOf } from './events.js';
import { KeptWork } from './kept-work.js';
import { applyEvent, initialState } from './reduce.js';

type StepEvent = ExecutionEventOf<'execution:step'>;

const event = (stepId: string, status: StepEvent['status'], more: Partial<StepEvent> = {}): StepEvent => ({
  type: 'execution:step',
  sequence: 1,
  executionId: 'x',
  timestamp: '2026-11-23T18:00:00.000Z',
  step: 'Research',
  stepId,
  nodeId: 'research',
  nodeType: 'agent',
  status,
  attempt: 1,
  ...more,
});
/** What stays valid after each of the events. */
const through = (...events: StepEvent[]): number[] => {
  const keptWork = new KeptWork();
  return events.map((one) => keptWork.validThrough(one));
};

describe('KeptWork', () => {
  it('drops all that a step has done, if it keeps nothing', () => {
    expect(through(event('a', 'running'), event('a', 'retrying'), event('b', 'running'))).toEqual([0, 0, 0]);
  });

  it('keeps all events of a step that waits, continues and ends', () => {
    const statuses: StepEvent['status'][] = ['running', 'waiting', 'running', 'completed'];
    expect(through(...statuses.map((status) => event('a', status)))).toEqual([
      0,
      Infinity,
      Infinity,
      Infinity,
    ]);
  });

  it('keeps the events up to keptThrough, for the step that continues them', () => {
    const retried = event('a', 'retrying', { keptThrough: 20 });
    expect(through(event('a', 'running'), retried, event('b', 'running', { continues: 'a' }))).toEqual([
      0, 20, 20,
    ]);
  });

  it('returns to the newest kept work when a step that continues it keeps nothing', () => {
    const events = [
      event('a', 'running'),
      event('a', 'retrying', { keptThrough: 20 }),
      event('b', 'running', { continues: 'a' }),
      event('b', 'retrying'),
      event('c', 'running', { continues: 'a' }),
      event('c', 'retrying', { keptThrough: 50 }),
      event('d', 'running', { continues: 'c' }),
    ];
    expect(through(...events)).toEqual([0, 20, 20, 20, 20, 50, 50]);
  });

  it('drops the kept work of earlier steps if the next one does not continue it', () => {
    const retried = event('a', 'retrying', { keptThrough: 20 });
    expect(through(event('a', 'running'), retried, event('b', 'running'))).toEqual([0, 20, 0]);
    expect(through(retried, event('b', 'running', { continues: 'unknown' }))).toEqual([20, 0]);
  });
});

describe('applyEvent: the fields of steps of agents', () => {
  it('keeps what a step continues, and how it ended', () => {
    const events = [
      event('a', 'running'),
      event('a', 'retrying', { keptThrough: 20, incomplete: true }),
      event('b', 'running', { continues: 'a' }),
      event('b', 'waiting'),
      event('b', 'completed', { finishReason: 'length', incomplete: true, output: 'cut' }),
    ];
    const { steps } = events.reduce(applyEvent, initialState());
    expect(steps).toMatchObject([
      { stepId: 'a', status: 'retrying', keptThrough: 20, incomplete: true },
      { stepId: 'b', status: 'completed', continues: 'a', finishReason: 'length', incomplete: true },
    ]);
    expect(steps[1]).not.toHaveProperty('keptThrough');
    expect(steps[0]).not.toHaveProperty('continues');
  });
});
