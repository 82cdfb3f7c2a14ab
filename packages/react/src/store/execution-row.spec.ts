import type { ExecutionEvent, ExecutionSummary } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';
import fc from 'fast-check';
import { ExecutionRow } from './execution-row.js';

const base: ExecutionSummary = {
  id: 'x',
  projectId: 'demo',
  inputPreview: '',
  progress: { completedSteps: 0, totalSteps: 30, percent: 0 },
  createdAt: '',
  tags: [],
  status: 'queued',
  tokenUsage: { input: 0, output: 0, total: 0 },
  costUSD: 0,
  lastSequence: 0,
};
const journal = Array.from({ length: 60 }, (_unused, n): ExecutionEvent => {
  const of = { sequence: n + 1, executionId: 'x', timestamp: new Date(n * 1_000).toISOString() };
  const total = { input: n, output: n, total: 2 * n };
  if (n === 0) return { ...of, type: 'execution:started', projectId: 'demo', attempt: 1 };
  if (n % 5 === 0)
    return { ...of, type: 'execution:progress', completedSteps: n / 5, totalSteps: 30, percent: n };
  if (n % 3 === 0) return { ...of, type: 'execution:token-usage', nodeId: 'n', model: 'm', usage: total };
  const step = { step: 'n', nodeId: 'n', nodeType: 'agent', attempt: 1, stepId: `s${Math.floor(n / 2)}` };
  return { ...of, type: 'execution:step', ...step, status: n % 2 === 0 ? 'running' : 'completed' };
});
const at = (sequence: number): ExecutionSummary => {
  const events = journal.slice(0, sequence);
  const { modelUsage: _usage, steps: _steps, ...state } = events.reduce(applyEvent, initialState());
  const last = events.findLast((event) => event.type === 'execution:progress');
  const progress = last
    ? { completedSteps: last.completedSteps, totalSteps: 30, percent: last.percent }
    : base.progress;
  return { ...base, ...state, progress };
};

describe('ExecutionRow', () => {
  it('is correct at its last event, whenever responses of the server arrive in between', () => {
    const actions = fc.array(fc.oneof(fc.constant('event'), fc.nat(8)), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(fc.nat(10), actions, (begin, list) => {
        const row = new ExecutionRow(at(begin));
        // The stream opens after the list was read. The next response contains the events in between.
        let position = begin;
        for (const what of list) {
          const next = journal[position];
          if (what === 'event' && next) {
            row.apply(next);
            position += 1;
          } else if (typeof what === 'number') {
            row.refresh(at(Math.max(0, position - what)));
          }
        }
        expect(row.view()).toMatchObject(at(position));
      }),
    );
  });

  it('may wait from the begin of a wait to its end, also if the server lists it in between', () => {
    const row = new ExecutionRow({ ...base, status: 'running', lastSequence: 1 });
    const of = {
      executionId: 'x',
      timestamp: '',
      waitId: 'w',
      nodeId: 'n',
      stepId: 's',
      kind: 'timer',
    } as const;
    row.apply({ ...of, sequence: 3, type: 'execution:waiting' });
    expect([row.view().status, row.hasWaits]).toEqual(['waiting', true]);
    // Another node runs, which only the server knows.
    row.refresh({ ...base, status: 'running', lastSequence: 2 });
    row.refresh({ ...base, status: 'running', lastSequence: 4 });
    expect([row.view().status, row.hasWaits]).toEqual(['running', true]);
    row.apply({ ...of, sequence: 5, type: 'execution:wait-ended', outcome: 'fired' });
    expect([row.view().status, row.hasWaits]).toEqual(['running', false]);
    row.refresh({ ...base, status: 'waiting', lastSequence: 6 });
    expect(row.hasWaits).toBe(true);
  });

  it('keeps no output in memory', () => {
    const row = new ExecutionRow(base);
    const large = 'x'.repeat(100_000);
    const [of] = journal as [ExecutionEvent];
    const step = { step: 'n', nodeId: 'n', nodeType: 'agent', attempt: 1, stepId: 's' };
    row.apply({ ...of, ...step, type: 'execution:step', sequence: 1, status: 'completed', output: large });
    const { inputPreview: _input, progress: _progress, ...shared } = base;
    const result = {
      ...shared,
      status: 'completed' as const,
      input: large,
      output: large,
      steps: [],
      lastSequence: 2,
    };
    row.apply({ ...of, type: 'execution:completed', sequence: 2, result });
    expect(row.view().status).toBe('completed');
    expect(JSON.stringify(row).length).toBeLessThan(2_000);
  });

  it('fills a gap from a response that is older than its newest event', () => {
    const row = new ExecutionRow(at(5));
    for (const event of journal.slice(20, 30)) row.apply(event);
    row.refresh(at(22));
    expect(row.view()).toMatchObject(at(30));
  });
});
