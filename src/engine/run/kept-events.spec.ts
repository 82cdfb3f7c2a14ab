import { applyEvent, EVENT_FIELDS, type ExecutionEvent, initialState, Workflow } from '@cloutagent/contract';
import type { KeptWork } from '../../database/schema.js';
import { keptEvents } from './kept-events.js';

const reusedFrom = '0199c0de-0000-7000-8000-000000000001';
const WORK: KeptWork = {
  steps: [
    { nodeId: 'a', nodeType: 'http', step: 'Get', status: 'completed', output: { n: 1 }, reusedFrom },
    {
      nodeId: 'b',
      nodeType: 'http',
      step: 'b',
      status: 'failed',
      error: 'No',
      code: 'http_error',
      reusedFrom,
    },
    {
      nodeId: 'c',
      nodeType: 'approval',
      step: 'c',
      status: 'completed',
      output: null,
      reusedFrom,
      isAnswered: true,
    },
    { nodeId: 'd', nodeType: 'delay', step: 'd', status: 'skipped', reusedFrom },
  ],
  branches: [{ nodeId: 'b', taken: ['saved'], notTaken: ['edges[2]'] }],
  children: {},
};

const WORKFLOW = Workflow.parse({ nodes: Array.from('abcde').map((id) => ({ id, type: 'delay' })) });

describe('keptEvents', () => {
  const drafts = keptEvents(WORK, WORKFLOW);

  it('makes valid events: a step for each kept node, its decision after it, and the progress', () => {
    expect(drafts.map(({ type }) => type)).toEqual([
      'execution:step',
      'execution:step',
      'execution:branch',
      'execution:step',
      'execution:step',
      'execution:progress',
    ]);
    for (const { type, fields } of drafts) expect(EVENT_FIELDS[type].strict().parse(fields)).toEqual(fields);
  });

  it('gives the state of an execution that has run these nodes without usage', () => {
    const timestamp = '2026-01-01T00:00:00.000Z';
    const state = initialState();
    drafts.forEach(({ type, fields }, index) => {
      applyEvent(state, {
        type,
        sequence: index + 1,
        executionId: reusedFrom,
        timestamp,
        ...fields,
      } as ExecutionEvent);
    });
    expect(state.steps).toMatchObject([
      {
        nodeId: 'a',
        step: 'Get',
        status: 'completed',
        output: { n: 1 },
        attempt: 1,
        duration: 0,
        reusedFrom,
      },
      { nodeId: 'b', status: 'failed', error: 'No', code: 'http_error', reusedFrom },
      { nodeId: 'c', status: 'completed', output: null, reusedFrom },
      { nodeId: 'd', status: 'skipped', reusedFrom },
    ]);
    expect(new Set(state.steps.map(({ stepId }) => stepId)).size).toBe(4);
    expect(state.branches).toEqual({ b: { taken: ['saved'], notTaken: ['edges[2]'] } });
    expect(state.tokenUsage.total).toBe(0);
    expect(drafts.at(-1)!.fields).toEqual({ completedSteps: 4, totalSteps: 5, percent: 80 });
  });

  it('makes none if no node is kept', () =>
    expect(keptEvents({ steps: [], branches: [], children: {} }, WORKFLOW)).toEqual([]));
});
