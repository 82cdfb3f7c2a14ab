import { type ExecutionEvent, type ExecutionEventOf, type Json, Workflow } from '@cloutagent/contract';
import { KeptWork } from '@cloutagent/contract/reduce';
import fc from 'fast-check';
import type { FormattedExecution } from '../../src/streaming/formats/event-format.js';

const EXECUTION_ID = '0199c0de-0000-7000-8000-000000000001';
const AT = '2026-11-28T00:00:00.000Z';

/** Two nodes answer, in parallel, after one that does not. */
const WORKFLOW = Workflow.parse({
  nodes: ['plan', 'left', 'right'].map((id) => ({ id, type: 'agent', data: {} })),
  edges: [
    { source: 'plan', target: 'left' },
    { source: 'plan', target: 'right' },
  ],
});

export const formatted = (thread?: FormattedExecution['thread']): FormattedExecution => ({
  id: EXECUTION_ID,
  projectId: 'demo',
  createdAt: AT,
  input: null,
  workflow: WORKFLOW,
  savedAs: { name: 'compare', version: 3 },
  thread,
});

/** Writes a journal as the engine does. */
export class JournalWriter {
  readonly events: ExecutionEvent[] = [];

  add(...drafts: readonly object[]): this {
    for (const draft of drafts)
      this.events.push({
        ...draft,
        sequence: this.events.length + 1,
        executionId: EXECUTION_ID,
        timestamp: AT,
      } as ExecutionEvent);
    return this;
  }

  get last(): number {
    return this.events.length;
  }
}

type Action = 'text' | 'thinking' | 'calls' | 'result' | 'retry' | 'fallback' | 'end';
const ACTIONS: Action[] = ['text', 'text', 'text', 'thinking', 'calls', 'result', 'retry', 'fallback', 'end'];

interface Attempt {
  nodeId: string;
  stepId: string;
  attempt: number;
  kept?: { stepId: string; through: number };
  openCalls: string[];
}

/** Journals of agents with tool rounds, retries that keep work, and nodes that run in parallel. */
export const journal: fc.Arbitrary<readonly ExecutionEvent[]> = fc
  .record({
    moves: fc.array(
      fc.record({
        side: fc.nat(1),
        action: fc.constantFrom(...ACTIONS),
        size: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 60 },
    ),
    ending: fc.constantFrom('completed', 'failed', 'cancelled', 'cancelled-without-steps' as const),
  })
  .map(({ moves, ending }) => write(moves, ending));

function write(moves: readonly { side: number; action: Action; size: number }[], ending: string) {
  const journalOf = new JournalWriter();
  let ids = 0;
  const id = (prefix: string) => `${prefix}${(ids += 1)}`;
  const step = ({ nodeId, stepId, attempt }: Attempt, status: string, more: object = {}) => ({
    type: 'execution:step',
    nodeId,
    nodeType: 'agent',
    step: nodeId,
    stepId,
    attempt,
    status,
    ...more,
  });
  const begin = (nodeId: string): Attempt => {
    const attempt = { nodeId, stepId: id('s'), attempt: 1, openCalls: [] };
    journalOf.add(step(attempt, 'running'));
    return attempt;
  };
  const usage = (nodeId: string) => ({
    type: 'execution:token-usage',
    nodeId,
    model: 'demo/x',
    usage: { input: journalOf.last, output: journalOf.last, total: 2 * journalOf.last },
    call: { input: 1, output: 1, reasoning: 1, cached: { read: 1, written: 0 } },
  });
  journalOf.add({ type: 'execution:started', projectId: 'demo', attempt: 1 });
  const plan = begin('plan');
  journalOf.add({ type: 'execution:output', nodeId: 'plan', stepId: plan.stepId, chunk: 'not an answer' });
  journalOf.add(step(plan, 'completed', { output: 'not an answer' }));
  const attempts: (Attempt | undefined)[] = ['left', 'right'].map(begin);
  const end = (place: number, size: number) => {
    const attempt = attempts[place];
    if (!attempt) return;
    for (const toolId of attempt.openCalls.splice(0)) journalOf.add(result(attempt, toolId));
    journalOf.add(
      usage(attempt.nodeId),
      step(attempt, 'completed', { output: size === 1 ? null : { size } }),
    );
    attempts[place] = undefined;
  };
  const result = ({ nodeId, stepId }: Attempt, toolId: string) => ({
    type: 'execution:tool-result',
    nodeId,
    stepId,
    toolId,
    result: { toolId } as Json,
    isError: toolId.endsWith('3'),
  });
  for (const { side, action, size } of moves) {
    const attempt = attempts[side];
    if (!attempt) continue;
    const { nodeId, stepId } = attempt;
    switch (action) {
      case 'text':
        for (let count = 0; count < size; count += 1)
          journalOf.add({ type: 'execution:output', nodeId, stepId, chunk: id('t') });
        break;
      case 'thinking':
        journalOf.add({ type: 'execution:thinking', nodeId, stepId, chunk: id('h') });
        break;
      case 'calls': {
        if (attempt.openCalls.length > 0) break;
        const calls = Array.from({ length: size }, () => id('c'));
        journalOf.add(
          ...calls.map((toolId) => ({
            type: 'execution:tool-call',
            nodeId,
            stepId,
            toolId,
            toolName: 'crm/find',
            toolArgs: { toolId },
          })),
          usage(nodeId),
        );
        attempt.openCalls = calls;
        attempt.kept = { stepId, through: journalOf.last };
        break;
      }
      case 'result': {
        const toolId = attempt.openCalls.shift();
        if (toolId === undefined) break;
        journalOf.add(result(attempt, toolId));
        attempt.kept = { stepId, through: journalOf.last };
        break;
      }
      case 'fallback':
        journalOf.add(usage(nodeId));
        break;
      case 'retry': {
        const { kept } = attempt;
        const keptHere = kept?.stepId === stepId && { keptThrough: kept.through };
        journalOf.add(step(attempt, 'retrying', { error: 'x', code: 'model_error', ...keptHere }));
        if (size === 3) journalOf.add({ type: 'execution:started', projectId: 'demo', attempt: 2 });
        attempt.stepId = id('s');
        attempt.attempt += 1;
        journalOf.add(step(attempt, 'running', kept && { continues: kept.stepId }));
        break;
      }
      default:
        end(side, size);
    }
  }
  if (ending === 'completed') for (const place of [0, 1]) end(place, 2);
  else if (ending !== 'cancelled-without-steps')
    for (const attempt of attempts) if (attempt) journalOf.add(step(attempt, 'cancelled'));
  if (ending === 'completed') journalOf.add({ type: 'execution:completed', result: {} });
  else if (ending === 'failed')
    journalOf.add({ type: 'execution:failed', error: 'broken', code: 'node_failed' });
  else journalOf.add({ type: 'execution:cancelled' });
  return journalOf.events;
}

/** Returns the valid text of each answering node, by the rules of the contract, as an oracle for the formats. */
export function answersIn(events: readonly ExecutionEvent[]): Record<string, string> {
  const kept = new KeptWork();
  let chunks: ExecutionEventOf<'execution:output'>[] = [];
  const outputs: Record<string, string> = {};
  for (const event of events) {
    if (event.type === 'execution:output' && event.nodeId !== 'plan') chunks.push(event);
    if (event.type !== 'execution:step') continue;
    const through = kept.validThrough(event);
    chunks = chunks.filter(({ nodeId, sequence }) => nodeId !== event.nodeId || sequence <= through);
    if (event.status === 'completed' && event.nodeId !== 'plan')
      outputs[event.nodeId] = event.output === null ? '' : JSON.stringify(event.output);
  }
  return Object.fromEntries(
    ['left', 'right'].map((node) => {
      const text = chunks.filter(({ nodeId }) => nodeId === node).map(({ chunk }) => chunk);
      return [node, text.length > 0 ? text.join('') : (outputs[node] ?? '')];
    }),
  );
}
