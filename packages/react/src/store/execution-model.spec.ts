import type { ExecutionEvent, StepStatus } from '@cloutagent/contract';
import { applyEvent, initialState } from '@cloutagent/contract/reduce';
import fc from 'fast-check';
import { ExecutionModel, type ModelView } from './execution-model.js';

const NODES = ['a', 'b', 'c'];
const STEPS = ['a-1', 'a-2', 'b-1', 'c-1'];
const stepId = fc.constantFrom(...STEPS);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const statuses: StepStatus[] = [
  'running',
  'waiting',
  'completed',
  'failed',
  'retrying',
  'cancelled',
  'skipped',
];

/** Events of every type in any order, also in orders that a server would not send. */
const fields = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('execution:output'), stepId, chunk: text }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('execution:thinking'), stepId, chunk: text }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('execution:step'),
      stepId,
      status: fc.constantFrom(...statuses),
      step: text,
      nodeType: fc.constantFrom('agent', 'approval'),
      attempt: fc.integer({ min: 1, max: 5 }),
      keptThrough: fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }),
      continues: fc.option(stepId, { nil: undefined }),
    }),
  },
  fc.record({
    type: fc.constant('execution:tool-call'),
    stepId,
    toolId: fc.constantFrom('t1', 't2'),
    toolName: text,
    toolArgs: fc.jsonValue(),
  }),
  fc.record({
    type: fc.constant('execution:tool-result'),
    stepId,
    toolId: fc.constantFrom('t1', 't2'),
    result: fc.jsonValue(),
    isError: fc.boolean(),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('execution:waiting'),
      stepId,
      waitId: fc.constantFrom('w1', 'w2', 'w3'),
      kind: fc.constantFrom('approval', 'timer', 'children'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('execution:wait-ended'),
      stepId,
      waitId: fc.constantFrom('w1', 'w2', 'w3'),
      outcome: fc.constant('answered'),
    }),
  },
  fc.record({
    type: fc.constant('execution:branch'),
    stepId,
    taken: fc.array(text),
    notTaken: fc.array(text),
  }),
  fc.record({ type: fc.constantFrom('execution:paused', 'execution:resumed', 'execution:cancelled') }),
  fc.record({
    type: fc.constant('execution:started'),
    projectId: fc.constant('demo'),
    attempt: fc.constant(1),
  }),
  fc.record({
    type: fc.constant('execution:token-usage'),
    model: text,
    usage: fc.record({ input: fc.nat(), output: fc.nat(), total: fc.nat() }),
  }),
  fc.record({
    type: fc.constant('execution:cost-update'),
    totalCostUSD: fc.option(fc.nat()),
    modelUsage: fc.constant({}),
  }),
  fc.record({ type: fc.constant('execution:retry'), attempt: fc.nat(), delayMs: fc.nat(), error: text }),
  fc.record({ type: fc.constant('execution:failed'), error: text, code: text }),
);
const journals = fc.array(fields, { maxLength: 120 }).map((list) =>
  list.map((event, n) => {
    const nodeId = 'stepId' in event ? event.stepId.charAt(0) : 'a';
    const timestamp = new Date(1_700_000_000_000 + n).toISOString();
    return { ...event, nodeId, executionId: 'x', sequence: n + 1, timestamp } as unknown as ExecutionEvent;
  }),
);

/** Delivers a journal over several connections. Each starts at or before the position where the previous one ended. */
function deliver(
  journal: readonly ExecutionEvent[],
  connections: readonly [number, number][],
  each: (event: ExecutionEvent) => void,
): void {
  let position = 0;
  for (const [back, count] of [...connections, [0, journal.length] as const]) {
    const from = Math.max(0, position - back);
    for (const event of journal.slice(from, from + count)) each(event);
    position = Math.max(position, Math.min(from + count, journal.length));
  }
}

const plain = (view: ModelView) => ({
  ...view,
  nodes: view.nodes.map((node) => ({
    ...node,
    output: node.output.toString(),
    thinking: node.thinking.toString(),
  })),
  approvals: view.approvals.map(({ nodeId }) => nodeId),
  toolCalls: view.toolCalls.slice(),
  retries: view.retries.slice(),
  recentEvents: view.recentEvents.slice(),
});

const connections = fc.array(fc.tuple(fc.nat(10), fc.nat(40)), { maxLength: 8 });

describe('The state of an execution', () => {
  it('is the contract’s, however its events are delivered', () => {
    fc.assert(
      fc.property(journals, connections, (journal, cuts) => {
        const model = new ExecutionModel();
        deliver(journal, cuts, (event) => model.apply(event));
        const view = model.view();
        const expected = journal.reduce(applyEvent, initialState());
        expect(view).toMatchObject(expected);
        for (const nodeId of NODES) {
          const node = view.nodes.find((known) => known.nodeId === nodeId);
          expect(node?.step).toEqual(latestStep(journal, nodeId));
        }
        expect(view.recentEvents.slice()).toEqual(journal);
      }),
    );
  });

  it('does not change a view that it has returned', () => {
    fc.assert(
      fc.property(journals, fc.array(fc.nat(120)), (journal, viewedAt) => {
        const model = new ExecutionModel();
        const seen: [ModelView, string][] = [];
        for (const event of journal) {
          model.apply(event);
          if (!viewedAt.includes(event.sequence)) continue;
          const view = model.view();
          seen.push([view, JSON.stringify(plain(view))]);
        }
        for (const [view, then] of seen) expect(JSON.stringify(plain(view))).toBe(then);
      }),
    );
  });

  it('keeps parts that did not change identical', () => {
    const model = new ExecutionModel();
    const applyOutput = (sequence: number, nodeId: string) =>
      model.apply({
        type: 'execution:output',
        sequence,
        executionId: 'x',
        timestamp: '',
        stepId: nodeId,
        nodeId,
        chunk: 'hi',
      });
    applyOutput(1, 'a');
    applyOutput(2, 'b');
    const before = model.view();
    applyOutput(3, 'b');
    const after = model.view();
    expect(after.nodes[0]).toBe(before.nodes[0]);
    expect(after.nodes[1]).not.toBe(before.nodes[1]);
    expect(after.steps).toBe(before.steps);
    expect(after.toolCalls).toBe(before.toolCalls);
  });

  it('lists an approval until its wait has ended', () => {
    const model = new ExecutionModel();
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'ask' };
    const step = { ...of, type: 'execution:step', step: 'ask', nodeType: 'approval', attempt: 1 } as const;
    const wait = { ...of, waitId: 'w', kind: 'approval' } as const;
    const approvals = () => model.view().approvals.map(({ nodeId }) => nodeId);
    model.apply({ ...step, sequence: 1, status: 'running' });
    model.apply({ ...step, sequence: 2, status: 'waiting' });
    expect(approvals()).toEqual([]);
    model.apply({ ...wait, sequence: 3, type: 'execution:waiting', message: 'Publish?' });
    expect(approvals()).toEqual(['ask']);
    expect(model.view().waits).toMatchObject([{ message: 'Publish?' }]);
    model.apply({ ...wait, sequence: 4, type: 'execution:wait-ended', outcome: 'answered' });
    expect(approvals()).toEqual([]);
    expect(model.view()).toMatchObject({ waits: [], hasChildren: false });
  });

  it('lists no wait of an execution that has ended', () => {
    const model = new ExecutionModel();
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'ask' };
    model.apply({ ...of, sequence: 1, type: 'execution:waiting', waitId: 'a', kind: 'approval' });
    model.apply({ ...of, sequence: 2, type: 'execution:waiting', waitId: 'b', kind: 'children' });
    model.apply({ executionId: 'x', timestamp: '', sequence: 3, type: 'execution:cancelled' });
    expect(model.view()).toMatchObject({ waits: [], approvals: [], hasChildren: true });
  });

  it('keeps the tool calls of a step that waits open', () => {
    const model = new ExecutionModel();
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'n' };
    const step = { ...of, type: 'execution:step', step: 'n', nodeType: 'agent', attempt: 1 } as const;
    const call = { ...of, type: 'execution:tool-call', toolId: 't', toolName: 'pay', toolArgs: {} } as const;
    model.apply({ ...step, sequence: 1, status: 'running' });
    model.apply({ ...call, sequence: 2 });
    model.apply({ ...step, sequence: 3, status: 'waiting' });
    model.apply({ ...step, sequence: 4, status: 'running' });
    const result = { ...of, type: 'execution:tool-result', toolId: 't', result: 1, isError: false } as const;
    model.apply({ ...result, sequence: 5 });
    expect(model.view().toolCalls.at(0)).toMatchObject({ result: 1, interrupted: false });
  });

  it('marks the tool calls of a retried attempt as discarded', () => {
    const model = new ExecutionModel();
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'n' };
    model.apply({
      ...of,
      type: 'execution:tool-call',
      sequence: 1,
      toolId: 't',
      toolName: 'search',
      toolArgs: {},
    });
    model.apply({
      ...of,
      type: 'execution:tool-result',
      sequence: 2,
      toolId: 't',
      result: [1],
      isError: false,
    });
    expect(model.view().toolCalls.at(0)).toMatchObject({ result: [1], discarded: false });
    model.apply({
      ...of,
      type: 'execution:step',
      sequence: 3,
      step: 'n',
      nodeType: 'agent',
      status: 'retrying',
      attempt: 1,
    });
    expect(model.view().toolCalls.at(0)).toMatchObject({ result: [1], discarded: true });
  });

  it('marks an open tool call as interrupted when its step was cut off', () => {
    const model = new ExecutionModel();
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'n' };
    const step = { ...of, type: 'execution:step', step: 'n', nodeType: 'agent', attempt: 1 } as const;
    const call = { ...of, type: 'execution:tool-call', toolName: 'search', toolArgs: {} } as const;
    model.apply({ ...step, sequence: 1, status: 'running' });
    model.apply({ ...call, sequence: 2, toolId: 'answered' });
    model.apply({ ...call, sequence: 3, toolId: 'open' });
    model.apply({
      ...of,
      sequence: 4,
      type: 'execution:tool-result',
      toolId: 'answered',
      result: 1,
      isError: false,
    });
    model.apply({ ...step, sequence: 5, status: 'cancelled' });
    const calls = model.view().toolCalls.slice();
    expect(calls.map(({ interrupted }) => interrupted)).toEqual([false, true]);
    expect(model.view().steps.map(({ status }) => status)).toEqual(['cancelled']);
  });

  it('keeps the data of the newest files only, and the type and size of all', () => {
    const model = new ExecutionModel({ events: 300, toolCalls: 300, retries: 10, files: 3_000 });
    const of = { executionId: 'x', timestamp: '', stepId: 's', nodeId: 'n' };
    const data = 'A'.repeat(1_000);
    for (let n = 1; n <= 10; n += 1) {
      const toolId = String(n);
      model.apply({
        ...of,
        type: 'execution:tool-call',
        sequence: 2 * n - 1,
        toolId,
        toolName: 't',
        toolArgs: n,
      });
      const result = { type: 'image', data, mimeType: 'image/png' };
      model.apply({ ...of, type: 'execution:tool-result', sequence: 2 * n, toolId, result, isError: false });
    }
    const { toolCalls, recentEvents } = model.view();
    const small = { type: 'image', data: '750 bytes of image/png', mimeType: 'image/png' };
    const large = { ...small, data };
    const expected = Array.from({ length: 10 }, (_unused, n) => (n < 7 ? small : large));
    expect(toolCalls.slice().map(({ result }) => result)).toEqual(expected);
    const results = recentEvents
      .slice()
      .flatMap((e) => (e.type === 'execution:tool-result' ? [e.result] : []));
    expect(results).toEqual(expected);
  });

  it('keeps only the newest entries, up to its limits', () => {
    const model = new ExecutionModel({ events: 300, toolCalls: 10, retries: 10, files: 1_000 });
    for (let sequence = 1; sequence <= 5_000; sequence += 1)
      model.apply({
        type: 'execution:retry',
        sequence,
        executionId: 'x',
        timestamp: '',
        nodeId: 'n',
        attempt: 1,
        delayMs: 0,
        error: '',
      });
    const { recentEvents, retries } = model.view();
    expect(recentEvents.length).toBeLessThan(300 + 128);
    expect(recentEvents.length + recentEvents.dropped).toBe(5_000);
    expect(recentEvents.at(-1)?.sequence).toBe(5_000);
    expect(recentEvents.at(0)?.sequence).toBe(recentEvents.dropped + 1);
    expect(retries.length).toBeLessThan(10 + 128);
  });
});

function latestStep(journal: readonly ExecutionEvent[], nodeId: string) {
  const last = journal.findLast((event) => event.type === 'execution:step' && event.nodeId === nodeId);
  if (last?.type !== 'execution:step') return undefined;
  const { steps } = journal.reduce(applyEvent, initialState());
  return steps.findLast((step) => step.stepId === last.stepId);
}
