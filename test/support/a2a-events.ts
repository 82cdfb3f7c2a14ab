import { type ExecutionEvent, Workflow } from '@cloutagent/contract';
import { A2aFormat } from '../../src/protocols/a2a/a2a.format.js';
import type { FormattedExecution } from '../../src/streaming/formats/event-format.js';

export const ID = '0199c0de-0000-7000-8000-000000000001';
export const NODES = ['first', 'second', 'inner'];
export const execution: FormattedExecution = {
  id: ID,
  projectId: 'demo',
  createdAt: '2026-11-28T00:00:00.000Z',
  input: 'Hello',
  workflow: Workflow.parse({
    nodes: [
      { id: 'inner', type: 'agent' },
      { id: 'first', type: 'agent', data: { label: 'First' } },
      { id: 'second', type: 'agent' },
    ],
    edges: [{ source: 'inner', target: 'first' }],
  }),
  savedAs: { name: 'chat', version: 1 },
  thread: {
    protocol: 'a2a',
    threadId: 'context-1',
    data: { message: { messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'Hello' }] } },
  },
};

export type Draft = Record<string, unknown> & { type: string };

/** Makes the events of an execution. */
export const eventsOf = (drafts: readonly Draft[]): ExecutionEvent[] =>
  drafts.map(
    (draft, index) =>
      ({
        sequence: index + 1,
        executionId: ID,
        timestamp: `2026-11-28T00:00:01.${String(index).padStart(3, '0')}Z`,
        ...draft,
      }) as unknown as ExecutionEvent,
  );

export const started: Draft = { type: 'execution:started', projectId: 'demo', attempt: 1 };
export const step = (nodeId: string, stepId: string, status: string, more: object = {}): Draft => ({
  type: 'execution:step',
  step: nodeId,
  stepId,
  nodeId,
  nodeType: 'agent',
  status,
  attempt: 1,
  ...more,
});
export const output = (nodeId: string, stepId: string, chunk: string): Draft => ({
  type: 'execution:output',
  nodeId,
  stepId,
  chunk,
});
export const counted = (nodeId: string): Draft[] => [
  {
    type: 'execution:token-usage',
    nodeId,
    model: 'demo',
    usage: { input: 1, output: 2, total: 3 },
  },
  { type: 'execution:cost-update', totalCostUSD: 0.5, modelUsage: {} },
];
export const completed: Draft = {
  type: 'execution:completed',
  result: { tokenUsage: { input: 1, output: 2, total: 3 }, costUSD: 0.5 },
};

export const format = new A2aFormat();
export function fold(events: readonly ExecutionEvent[]) {
  const state = format.begin(execution);
  const frames = [...format.opening(state), ...events.flatMap((event) => format.encode(event, state))].map(
    ({ data }) => data as object,
  );
  return { state, frames };
}
