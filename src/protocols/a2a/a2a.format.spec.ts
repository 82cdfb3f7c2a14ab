import {
  applyEvent,
  type ExecutionEvent,
  initialState,
  isTerminal,
  KeptWork,
  Workflow,
} from '@cloutagent/contract';
import fc from 'fast-check';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import { copyState } from '../../streaming/formats/copy-state.js';
import { taskOfStream, withJoinedTexts } from '../../../test/support/a2a-task.js';
import { A2aFormat } from './a2a.format.js';
import { isForClient } from './open-waits.js';
import { taskOf } from './task-state.js';

const ID = '0199c0de-0000-7000-8000-000000000001';
const NODES = ['first', 'second', 'inner'];
const execution: FormattedExecution = {
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

type Draft = Record<string, unknown> & { type: string };

/** Makes the events of an execution. */
const eventsOf = (drafts: readonly Draft[]): ExecutionEvent[] =>
  drafts.map(
    (draft, index) =>
      ({
        sequence: index + 1,
        executionId: ID,
        timestamp: `2026-11-28T00:00:01.${String(index).padStart(3, '0')}Z`,
        ...draft,
      }) as unknown as ExecutionEvent,
  );

const started: Draft = { type: 'execution:started', projectId: 'demo', attempt: 1 };
const step = (nodeId: string, stepId: string, status: string, more: object = {}): Draft => ({
  type: 'execution:step',
  step: nodeId,
  stepId,
  nodeId,
  nodeType: 'agent',
  status,
  attempt: 1,
  ...more,
});
const output = (nodeId: string, stepId: string, chunk: string): Draft => ({
  type: 'execution:output',
  nodeId,
  stepId,
  chunk,
});
const counted = (nodeId: string): Draft[] => [
  {
    type: 'execution:token-usage',
    nodeId,
    model: 'demo',
    usage: { input: 1, output: 2, total: 3 },
  },
  { type: 'execution:cost-update', totalCostUSD: 0.5, modelUsage: {} },
];
const completed: Draft = {
  type: 'execution:completed',
  result: { tokenUsage: { input: 1, output: 2, total: 3 }, costUSD: 0.5 },
};

const format = new A2aFormat();
function fold(events: readonly ExecutionEvent[]) {
  const state = format.begin(execution);
  const frames = [...format.opening(state), ...events.flatMap((event) => format.encode(event, state))].map(
    ({ data }) => data as object,
  );
  return { state, frames };
}

describe('the format a2a', () => {
  it('sends the task, the chunks of an answer, and its end', () => {
    const { frames } = fold(
      eventsOf([
        started,
        step('second', 's1', 'running'),
        output('second', 's1', 'Good '),
        output('second', 's1', 'day'),
        step('second', 's1', 'completed', { output: 'Good day' }),
        completed,
      ]),
    );
    const ids = { taskId: ID, contextId: 'context-1' };
    expect(frames).toEqual([
      {
        task: {
          id: ID,
          contextId: 'context-1',
          status: { state: 'TASK_STATE_SUBMITTED', timestamp: '2026-11-28T00:00:00.000Z' },
          history: [
            {
              messageId: 'm1',
              role: 'ROLE_USER',
              parts: [{ text: 'Hello' }],
              contextId: 'context-1',
              taskId: ID,
            },
          ],
        },
      },
      {
        statusUpdate: {
          ...ids,
          status: { state: 'TASK_STATE_WORKING', timestamp: '2026-11-28T00:00:01.000Z' },
        },
      },
      { artifactUpdate: { ...ids, artifact: { artifactId: 'second', parts: [{ text: 'Good ' }] } } },
      {
        artifactUpdate: {
          ...ids,
          artifact: { artifactId: 'second', parts: [{ text: 'day' }] },
          append: true,
        },
      },
      {
        artifactUpdate: {
          ...ids,
          artifact: { artifactId: 'second', parts: [{ text: '' }] },
          append: true,
          lastChunk: true,
        },
      },
      {
        statusUpdate: {
          ...ids,
          status: { state: 'TASK_STATE_COMPLETED', timestamp: '2026-11-28T00:00:01.005Z' },
          metadata: { usage: { input: 1, output: 2, total: 3 }, costUSD: 0.5 },
        },
      },
    ]);
  });

  it('sends an output that is no text as data, and only the outputs of last nodes', () => {
    const { state } = fold(
      eventsOf([
        started,
        step('inner', 'i', 'running'),
        output('inner', 'i', 'hidden'),
        step('inner', 'i', 'completed', { output: 'hidden' }),
        step('first', 'f', 'running'),
        step('first', 'f', 'completed', { output: { price: 3 } }),
        step('second', 's', 'running'),
        output('second', 's', '{"a":1}'),
        step('second', 's', 'completed', { output: { a: 1 } }),
        completed,
      ]),
    );
    expect(taskOf(state).artifacts).toEqual([
      { artifactId: 'first', name: 'First', parts: [{ data: { price: 3 }, mediaType: 'application/json' }] },
      {
        artifactId: 'second',
        parts: [{ text: '{"a":1}' }, { data: { a: 1 }, mediaType: 'application/json' }],
      },
    ]);
  });

  it('replaces the text of an attempt that fails by the part that stays valid', () => {
    const { frames, state } = fold(
      eventsOf([
        started, // 1
        step('second', 'a', 'running'),
        output('second', 'a', 'kept '), // 3
        ...counted('second'), // 4, 5
        output('second', 'a', 'dropped'), // 6
        step('second', 'a', 'retrying', { keptThrough: 5 }),
        step('second', 'b', 'running', { continues: 'a' }),
        output('second', 'b', 'new'),
        step('second', 'b', 'completed', { output: 'new' }),
        completed,
      ]),
    );
    expect(frames[4]).toEqual({
      artifactUpdate: {
        taskId: ID,
        contextId: 'context-1',
        artifact: { artifactId: 'second', parts: [{ text: 'kept ' }] },
      },
    });
    expect(taskOf(state).artifacts).toEqual([{ artifactId: 'second', parts: [{ text: 'kept new' }] }]);
  });

  it('asks for input while the execution waits for a client, and works again after the answer', () => {
    const wait = { waitId: 'w1', nodeId: 'first', stepId: 'f', kind: 'approval', schema: { type: 'object' } };
    const { frames } = fold(
      eventsOf([
        started,
        step('second', 's', 'running'),
        step('first', 'f', 'waiting'),
        { type: 'execution:waiting', ...wait },
        step('second', 's', 'completed', { output: 'done' }),
        { type: 'execution:wait-ended', ...wait, schema: undefined, outcome: 'answered' },
      ]),
    );
    const statuses = frames.flatMap((frame) =>
      'statusUpdate' in frame ? [(frame.statusUpdate as { status: object }).status] : [],
    );
    expect(statuses.slice(1)).toEqual([
      {
        state: 'TASK_STATE_INPUT_REQUIRED',
        timestamp: expect.any(String),
        message: {
          messageId: `${ID}.5`,
          contextId: 'context-1',
          taskId: ID,
          role: 'ROLE_AGENT',
          parts: [
            { text: 'The node first waits for an approval.' },
            {
              data: { waitId: 'w1', nodeId: 'first', kind: 'approval', schema: { type: 'object' } },
              mediaType: 'application/json',
            },
          ],
        },
      },
      { state: 'TASK_STATE_WORKING', timestamp: expect.any(String) },
    ]);
  });

  it('says why a task has failed, with the code', () => {
    const { state } = fold(
      eventsOf([started, { type: 'execution:failed', error: 'Too slow.', code: 'timeout', nodeId: 'first' }]),
    );
    expect(taskOf(state).status).toMatchObject({
      state: 'TASK_STATE_FAILED',
      message: { parts: [{ text: 'Too slow.' }, { data: { code: 'timeout', nodeId: 'first' } }] },
    });
  });

  it('ends a task that was cancelled before it began', () => {
    const { frames } = fold(eventsOf([{ type: 'execution:cancelled', reason: 'Not needed' }]));
    expect(frames).toMatchObject([
      { task: { status: { state: 'TASK_STATE_SUBMITTED' } } },
      {
        statusUpdate: {
          status: { state: 'TASK_STATE_CANCELED', message: { parts: [{ text: 'Not needed' }] } },
        },
      },
    ]);
  });

  it('ignores events that it does not know', () => {
    const unknown = { type: 'execution:new-thing', nodeId: 'first' };
    expect(fold(eventsOf([started, unknown])).frames).toHaveLength(2);
  });

  it('keeps no more of 200,000 chunks than their text', () => {
    const state = format.begin(execution);
    const [first, running] = eventsOf([started, step('second', 's', 'running')]);
    format.encode(first!, state);
    format.encode(running!, state);
    for (let sequence = 3; sequence < 200_003; sequence += 1)
      format.encode(
        { ...output('second', 's', 'word '), sequence, executionId: ID, timestamp: '' } as never,
        state,
      );
    expect(JSON.stringify(state).length).toBeLessThan(5 * 200_000 + 3_000);
  });
});

/** What happens to a node or to the execution, as a random number chooses it. */
const action = fc.record({
  node: fc.nat(2),
  kind: fc.constantFrom(
    'chunk',
    'chunk',
    'round',
    'retry',
    'retry-kept',
    'complete',
    'wait',
    'timer',
    'answer',
    'takeover',
    'pause',
    'resume',
    'result',
  ),
  text: fc.string({ maxLength: 4 }),
  isText: fc.boolean(),
});
const ends = fc.constantFrom<Draft[]>(
  [completed],
  [{ type: 'execution:failed', error: 'It failed.', code: 'node_failed' }],
  [{ type: 'execution:cancelled' }],
  [],
);

/** Makes a journal as the engine would: steps begin, emit, keep, retry, wait and end. */
function journalOf(actions: readonly { node: number; kind: string; text: string; isText: boolean }[]) {
  const drafts: Draft[] = [started];
  const nodes = NODES.map((id) => ({
    id,
    steps: 0,
    stepId: '',
    status: 'new',
    kept: undefined as { stepId: string; through: number } | undefined,
    waitId: '',
    kind: '',
  }));
  const begin = (node: (typeof nodes)[number]) => {
    if (node.status !== 'new' && node.status !== 'retrying') return;
    node.steps += 1;
    node.stepId = `${node.id}.${node.steps}`;
    node.status = 'running';
    drafts.push(
      step(node.id, node.stepId, 'running', node.kept === undefined ? {} : { continues: node.kept.stepId }),
    );
  };
  const retry = (node: (typeof nodes)[number], error: string) => {
    if (node.status !== 'running') return;
    node.status = 'retrying';
    const keptThrough = node.kept?.stepId === node.stepId ? { keptThrough: node.kept.through } : {};
    drafts.push(step(node.id, node.stepId, 'retrying', { error, ...keptThrough }));
  };
  for (const { node: index, kind, text, isText } of actions) {
    const node = nodes[index]!;
    if (kind === 'pause' || kind === 'resume') {
      drafts.push({ type: `execution:${kind}d` });
      continue;
    }
    if (kind === 'takeover') {
      drafts.push({ ...started, attempt: 2 });
      for (const each of nodes) retry(each, 'The process has stopped.');
      continue;
    }
    if (kind === 'answer') {
      if (node.status !== 'waiting') continue;
      const { stepId, waitId, kind: waitKind, id: nodeId } = node;
      drafts.push({
        type: 'execution:wait-ended',
        waitId,
        nodeId,
        stepId,
        kind: waitKind,
        outcome: 'answered',
      });
      node.status = 'running';
      drafts.push(step(nodeId, stepId, 'running'));
      continue;
    }
    begin(node);
    if (node.status !== 'running') continue;
    const { id, stepId } = node;
    if (kind === 'chunk') drafts.push(output(id, stepId, text));
    if (kind === 'round') {
      drafts.push(...counted(id));
      if (isText) node.kept = { stepId, through: drafts.length };
    }
    if (kind === 'result') {
      drafts.push({
        type: 'execution:tool-result',
        toolId: 't',
        result: text,
        isError: false,
        nodeId: id,
        stepId,
      });
      node.kept = { stepId, through: drafts.length };
    }
    if (kind === 'retry') retry(node, 'No answer.');
    if (kind === 'retry-kept') {
      drafts.push(...counted(id));
      node.kept = { stepId, through: drafts.length };
      drafts.push(output(id, stepId, text));
      retry(node, 'No answer.');
    }
    if (kind === 'complete') {
      node.status = 'completed';
      drafts.push(step(id, stepId, 'completed', { output: isText ? text : { text } }));
    }
    if (kind === 'wait' || kind === 'timer') {
      node.status = 'waiting';
      node.waitId = `w${drafts.length}`;
      node.kind = kind === 'wait' ? 'approval' : 'timer';
      drafts.push(step(id, stepId, 'waiting'));
      drafts.push({
        type: 'execution:waiting',
        waitId: node.waitId,
        nodeId: id,
        stepId,
        kind: node.kind,
        ...(text !== '' && { message: text }),
      });
    }
  }
  return drafts;
}
const journal = fc
  .tuple(fc.array(action, { maxLength: 40 }), ends)
  .map(([actions, end]) => eventsOf([...journalOf(actions), ...end]));

/** The text of each node that stays valid, as the client of the product finds it. */
function validTexts(events: readonly ExecutionEvent[]): Map<string, string> {
  const keptWork = new KeptWork();
  let chunks: { nodeId: string; sequence: number; chunk: string }[] = [];
  for (const event of events) {
    if (event.type === 'execution:output') chunks.push(event);
    if (event.type !== 'execution:step') continue;
    const through = keptWork.validThrough(event);
    chunks = chunks.filter(({ nodeId, sequence }) => nodeId !== event.nodeId || sequence <= through);
  }
  const texts = new Map<string, string>();
  for (const { nodeId, chunk } of chunks) texts.set(nodeId, (texts.get(nodeId) ?? '') + chunk);
  return texts;
}

describe('the format a2a, for any journal', () => {
  it('gives a client of the SDK the task that GetTask shows', async () => {
    await fc.assert(
      fc.asyncProperty(journal, async (events) => {
        const { state, frames } = fold(events);
        expect(await taskOfStream(frames)).toEqual(withJoinedTexts(taskOf(state)));
      }),
    );
  });

  it('gives the same final task to a client that subscribes again anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(journal, fc.nat(), async (events, at) => {
        const cut = at % (events.length + 1);
        const { state } = fold(events.slice(0, cut));
        const resumed = copyState(state, 'a2a') as typeof state;
        const frames = events
          .slice(cut)
          .flatMap((event) => format.encode(event, resumed).map(({ data }) => data as object));
        const whole = fold(events);
        const opening = format.opening(state).map(({ data }) => data as object);
        expect(await taskOfStream([...opening, ...frames])).toEqual(await taskOfStream(whole.frames));
        expect(resumed).toEqual(whole.state);
      }),
    );
  });

  it('shows the text that stays valid, and the status that the reducer of the product has', () => {
    fc.assert(
      fc.property(journal, (events) => {
        const { state } = fold(events);
        const texts = validTexts(events);
        for (const nodeId of ['first', 'second']) {
          const last = events.findLast((event) => event.type === 'execution:step' && event.nodeId === nodeId);
          const ended = last?.type === 'execution:step' && last.status === 'completed' ? last.output : '';
          const answer = typeof ended === 'string' ? ended : '';
          expect(state.artifacts[nodeId]!.text).toBe(texts.get(nodeId) || answer);
        }
        const { status, waits } = events.reduce(applyEvent, initialState());
        const isAsking = status === 'waiting' && waits.some(isForClient);
        expect(format.isIdle(state)).toBe(isAsking);
        if (isTerminal(status))
          expect(state.status.state).toBe(
            `TASK_STATE_${status === 'cancelled' ? 'CANCELED' : status.toUpperCase()}`,
          );
        else expect(state.status.state).toBe(isAsking ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_WORKING');
      }),
    );
  });
});
