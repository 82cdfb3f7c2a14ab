import { HttpAgent, type Message } from '@ag-ui/client';
import { EventSchemas } from '@ag-ui/core/schemas';
import { type EventDraft, type ExecutionEvent, Workflow } from '@cloutagent/contract';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import { AgUiFormat } from './ag-ui-format.js';
import type { AgUiState } from './ag-ui-state.js';

const ID = '0199c0de-0000-7000-8000-000000000001';
const format = new AgUiFormat();

interface Frame {
  readonly type: string;
  readonly [member: string]: unknown;
}

type NodeSpec = string | { id: string; type: string };

const workflowOf = (nodes: NodeSpec[], edges: string[] = []) =>
  Workflow.parse({
    nodes: nodes.map((node) => (typeof node === 'string' ? { id: node, type: 'agent' } : node)),
    edges: edges.map((edge) => ({ source: edge.split('>')[0], target: edge.split('>')[1] })),
  });

const executionOf = (workflow: Workflow): FormattedExecution => ({
  id: ID,
  projectId: 'demo',
  createdAt: '2026-11-28T00:00:00.000Z',
  input: null,
  workflow,
  thread: {
    protocol: 'ag-ui',
    threadId: 'chat:t1',
    data: {
      threadId: 't1',
      runId: 'r1',
      messages: [{ id: 'm1', role: 'user', content: 'Hello' }],
      state: { theme: 'dark' },
    },
  },
});

/** Numbers the drafts and adds what every event has. */
const journalOf = (drafts: EventDraft[]): ExecutionEvent[] =>
  drafts.map(
    ({ type, fields }, index) =>
      ({
        type,
        sequence: index + 1,
        executionId: ID,
        timestamp: new Date(Date.UTC(2026, 10, 28) + index).toISOString(),
        ...fields,
      }) as ExecutionEvent,
  );

const started: EventDraft = { type: 'execution:started', fields: { projectId: 'demo', attempt: 1 } };
const completed: EventDraft = {
  type: 'execution:completed',
  fields: { result: { output: 'Done.' } as never },
};
const step = (
  nodeId: string,
  status: 'running' | 'waiting' | 'completed' | 'failed' | 'retrying' | 'cancelled' | 'skipped',
  more: { stepId?: string; nodeType?: string; [field: string]: unknown } = {},
): EventDraft => ({
  type: 'execution:step',
  fields: { step: nodeId, stepId: `s-${nodeId}`, nodeId, nodeType: 'agent', status, attempt: 1, ...more },
});
const output = (nodeId: string, chunk: string, stepId = `s-${nodeId}`): EventDraft => ({
  type: 'execution:output',
  fields: { nodeId, stepId, chunk },
});
const progress = (completedSteps: number, totalSteps: number): EventDraft => ({
  type: 'execution:progress',
  fields: { completedSteps, totalSteps, percent: Math.floor((100 * completedSteps) / totalSteps) },
});
const waiting = (
  nodeId: string,
  kind: 'approval' | 'tool' | 'timer',
  waitId: string,
  more: object = {},
): EventDraft => ({
  type: 'execution:waiting',
  fields: { waitId, nodeId, stepId: `s-${nodeId}`, kind, ...more },
});
const waitEnded = (nodeId: string, kind: 'approval' | 'tool' | 'timer', waitId: string): EventDraft => ({
  type: 'execution:wait-ended',
  fields: { waitId, nodeId, stepId: `s-${nodeId}`, kind, outcome: 'answered' },
});
const toolCall = (nodeId: string, toolId: string, toolArgs = {}): EventDraft => ({
  type: 'execution:tool-call',
  fields: { nodeId, stepId: `s-${nodeId}`, toolId, toolName: 'search', toolArgs },
});
const toolResult = (nodeId: string, toolId: string, stepId = `s-${nodeId}`): EventDraft => ({
  type: 'execution:tool-result',
  fields: { nodeId, stepId, toolId, result: { found: 1 }, isError: false },
});
const usage = (nodeId: string, input: number, result: number): EventDraft => ({
  type: 'execution:token-usage',
  fields: {
    nodeId,
    model: 'acme/large',
    usage: { input, output: result, total: input + result },
    call: { input, output: result },
  },
});

/** Folds a journal. Every frame is checked by the schema of AG-UI. */
function fold(workflow: Workflow, drafts: EventDraft[]): { frames: Frame[]; state: AgUiState } {
  const state = format.begin(executionOf(workflow));
  const frames = journalOf(drafts).flatMap((event) =>
    format.encode(event, state).map(({ data }) => JSON.parse(JSON.stringify(data)) as Frame),
  );
  for (const frame of frames) EventSchemas.parse(frame);
  return { frames, state };
}

/** Passes frames through the client, with its verifier. */
async function received(frames: readonly Frame[]) {
  const body = frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join('');
  const agent = new HttpAgent({
    url: 'http://localhost/',
    threadId: 't1',
    initialMessages: [{ id: 'm1', role: 'user', content: 'Hello' }],
    fetch: () => Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } })),
  });
  const custom: unknown[] = [];
  const { result } = (await agent.runAgent(
    { runId: 'r1' },
    {
      onCustomEvent: ({ event }) => void custom.push([event.name, event.value]),
    },
  )) as { result: unknown };
  return { agent, messages: agent.messages, state: agent.state as object, result, custom };
}

const types = (frames: readonly Frame[]): string[] => frames.map(({ type }) => type);
const textOf = (messages: readonly Message[]): unknown[] => messages.map(({ content }) => content);

describe('AgUiFormat', () => {
  test('sends text with its step, the state and the result', async () => {
    const { frames } = fold(workflowOf(['answer']), [
      started,
      step('answer', 'running'),
      output('answer', 'Good '),
      output('answer', 'day.'),
      usage('answer', 10, 2),
      step('answer', 'completed', { output: 'Good day.' }),
      progress(1, 1),
      completed,
    ]);
    expect(types(frames)).toEqual([
      'RUN_STARTED',
      'STATE_SNAPSHOT',
      'STATE_DELTA',
      'STEP_STARTED',
      'STATE_DELTA',
      'TEXT_MESSAGE_START',
      'TEXT_MESSAGE_CONTENT',
      'TEXT_MESSAGE_CONTENT',
      'TEXT_MESSAGE_END',
      'STEP_FINISHED',
      'STATE_DELTA',
      'STATE_DELTA',
      'STATE_DELTA',
      'RUN_FINISHED',
    ]);
    const { messages, state, result } = await received(frames);
    expect(messages).toEqual([
      { id: 'm1', role: 'user', content: 'Hello' },
      { id: 's-answer', role: 'assistant', content: 'Good day.', metadata: { nodeId: 'answer' } },
    ]);
    expect(state).toEqual({
      theme: 'dark',
      execution: {
        id: ID,
        status: 'completed',
        progress: { completedSteps: 1, totalSteps: 1, percent: 100 },
        nodes: { answer: 'completed' },
      },
    });
    expect(result).toBe('Done.');
    expect(frames.at(-1)).toMatchObject({
      threadId: 't1',
      runId: 'r1',
      outcome: { type: 'success' },
      usage: [{ provider: 'acme', model: 'large', inputTokens: 10, outputTokens: 2, totalTokens: 12 }],
    });
  });

  test('interleaves parallel nodes, and marks what is not the answer', async () => {
    const { frames } = fold(workflowOf(['a', 'b', 'sum'], ['a>sum', 'b>sum']), [
      started,
      step('a', 'running'),
      step('b', 'running', { nodeType: 'subagent' }),
      output('a', 'A1'),
      output('b', 'B1'),
      output('a', 'A2'),
      step('a', 'completed'),
      output('b', 'B2'),
      step('b', 'completed', { nodeType: 'subagent' }),
      step('sum', 'running'),
      step('sum', 'completed', { output: { total: 2 } }),
      completed,
    ]);
    const { messages } = await received(frames);
    expect(messages.slice(1)).toEqual([
      { id: 'work-s-a', role: 'assistant', content: 'A1A2', metadata: { nodeId: 'a' } },
      {
        id: 'work-s-b',
        role: 'assistant',
        content: 'B1B2',
        metadata: { nodeId: 'b' },
        subagentRunId: 's-b',
      },
      // The last node has emitted no text, so its output is the answer.
      { id: 's-sum', role: 'assistant', content: '{"total":2}', metadata: { nodeId: 'sum' } },
    ]);
  });

  test('drops what an attempt has emitted that is repeated', async () => {
    const { frames } = fold(workflowOf(['a', 'b']), [
      started,
      step('a', 'running'),
      step('b', 'running'),
      output('b', 'Whole'),
      output('a', 'Cut'),
      step('a', 'retrying', { error: 'The provider broke off.' }),
      step('a', 'running', { stepId: 's-a2', attempt: 2 }),
      output('b', ' text'),
      output('a', 'Second', 's-a2'),
      step('a', 'completed', { stepId: 's-a2', attempt: 2 }),
      step('b', 'completed'),
      completed,
    ]);
    const { messages } = await received(frames);
    expect(textOf(messages)).toEqual(['Hello', 'Whole text', 'Second']);
  });

  test('keeps the work that a retry continues', async () => {
    const { frames } = fold(workflowOf(['a']), [
      started,
      step('a', 'running'),
      output('a', 'I search.'),
      toolCall('a', 'call_1'),
      usage('a', 1, 1),
      output('a', 'Cut'),
      step('a', 'retrying', { keptThrough: 5 }),
      step('a', 'running', { stepId: 's-a2', attempt: 2, continues: 's-a' }),
      toolResult('a', 'call_1', 's-a2'),
      output('a', 'Found.', 's-a2'),
      step('a', 'completed', { stepId: 's-a2', attempt: 2 }),
      completed,
    ]);
    const { messages } = await received(frames);
    expect(messages.slice(1)).toEqual([
      {
        id: 's-a',
        role: 'assistant',
        content: 'I search.',
        metadata: { nodeId: 'a' },
        toolCalls: [{ id: 'call-s-a.4', type: 'function', function: { name: 'search', arguments: '{}' } }],
      },
      { id: 'result-s-a.4', role: 'tool', toolCallId: 'call-s-a.4', content: '{"found":1}' },
      { id: 's-a2', role: 'assistant', content: 'Found.', metadata: { nodeId: 'a' } },
    ]);
  });

  test('ends the run with all waits of an agent at once, and continues in another run', async () => {
    const drafts = [
      started,
      step('a', 'running', { nodeType: 'subagent' }),
      toolCall('a', 'call_1', { q: 1 }),
      toolCall('a', 'call_2', { q: 2 }),
      step('a', 'waiting', { nodeType: 'subagent' }),
      waiting('a', 'tool', 'w1', { toolName: 'search', toolArgs: { q: 2 } }),
      waiting('a', 'tool', 'w2', { toolName: 'search', toolArgs: { q: 1 } }),
    ];
    const { frames, state } = fold(workflowOf([{ id: 'a', type: 'subagent' }]), drafts);
    expect(types(frames).filter((type) => type.startsWith('RUN_'))).toEqual(['RUN_STARTED', 'RUN_FINISHED']);
    expect(format.isIdle(state)).toBe(true);
    expect(state.points).toEqual([{ sequence: 7, ids: ['w1', 'w2'] }]);
    const { agent } = await received(frames);
    expect(agent.pendingInterrupts.map(({ id, reason, toolCallId }) => [id, reason, toolCallId])).toEqual([
      ['w1', 'tool_call', 'call-s-a.4'],
      ['w2', 'tool_call', 'call-s-a.3'],
    ]);
    const { frames: all } = fold(workflowOf([{ id: 'a', type: 'subagent' }]), [
      ...drafts,
      waitEnded('a', 'tool', 'w1'),
      step('a', 'running', { nodeType: 'subagent' }),
      toolResult('a', 'call_2'),
      step('a', 'waiting', { nodeType: 'subagent' }),
      waitEnded('a', 'tool', 'w2'),
      step('a', 'running', { nodeType: 'subagent' }),
      toolResult('a', 'call_1'),
      output('a', 'Two results.'),
      step('a', 'completed', { nodeType: 'subagent' }),
      completed,
    ]);
    expect(all.filter(({ type }) => type.startsWith('RUN_')).map(({ type, runId }) => [type, runId])).toEqual(
      [
        ['RUN_STARTED', 'r1'],
        ['RUN_FINISHED', 'r1'],
        ['RUN_STARTED', 'r1.2'],
        ['RUN_FINISHED', 'r1.2'],
        ['RUN_STARTED', 'r1.3'],
        ['RUN_FINISHED', 'r1.3'],
      ],
    );
    const { messages } = await received(all);
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool', 'assistant']);
  });

  test('does not interrupt while another branch runs, nor between two of its nodes', async () => {
    const { frames } = fold(workflowOf([{ id: 'ask', type: 'approval' }, 'a', 'b'], ['a>b']), [
      started,
      step('ask', 'running', { nodeType: 'approval' }),
      step('a', 'running'),
      step('ask', 'waiting', { nodeType: 'approval' }),
      waiting('ask', 'approval', 'w1', { message: 'May this go out?' }),
      step('a', 'completed'),
      progress(1, 3),
      step('b', 'running'),
      output('b', 'B'),
      step('b', 'completed'),
      progress(2, 3),
    ]);
    const at = (type: string) => types(frames).lastIndexOf(type);
    expect(types(frames).filter((type) => type === 'RUN_FINISHED')).toHaveLength(1);
    expect(at('RUN_FINISHED')).toBe(frames.length - 1);
    const { agent, custom, state } = await received(frames);
    expect(custom[0]).toEqual(['execution:waiting', expect.objectContaining({ waitId: 'w1' })]);
    expect(agent.pendingInterrupts).toMatchObject([
      { id: 'w1', reason: 'confirmation', message: 'May this go out?' },
    ]);
    expect(state).toMatchObject({ execution: { status: 'waiting', progress: { percent: 66 } } });
  });

  test('keeps the run open while only a timer is waited for', () => {
    const { frames, state } = fold(workflowOf(['a']), [
      started,
      step('a', 'running', { nodeType: 'delay' }),
      step('a', 'waiting', { nodeType: 'delay' }),
      waiting('a', 'timer', 'w1'),
    ]);
    expect(types(frames)).not.toContain('RUN_FINISHED');
    expect(format.isIdle(state)).toBe(false);
    expect(state.shared.status).toBe('waiting');
  });

  test('closes what is open before a failure, and never shows a cut text as whole', async () => {
    const { frames } = fold(workflowOf(['a']), [
      started,
      step('a', 'running'),
      output('a', 'Half'),
      {
        type: 'execution:failed',
        fields: { error: 'The model is gone.', code: 'model_failed', nodeId: 'a' },
      },
    ]);
    expect(frames.at(-1)).toMatchObject({
      type: 'RUN_ERROR',
      message: 'The model is gone.',
      code: 'model_failed',
    });
    const { messages } = await received(frames);
    expect(messages.at(-1)).toMatchObject({ content: 'Half', metadata: { incomplete: true } });
  });

  test('says that a run was cancelled', async () => {
    const { frames } = fold(workflowOf(['a']), [
      started,
      step('a', 'running'),
      toolCall('a', 'call_1'),
      step('a', 'cancelled'),
      { type: 'execution:cancelled', fields: {} },
    ]);
    expect(frames.at(-1)).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } });
    const { messages } = await received(frames);
    expect(messages.at(-1)).toMatchObject({ role: 'tool', metadata: { isError: true } });
  });

  test('waits for the edges of a node before it ends a run', () => {
    const workflow = Workflow.parse({
      nodes: [
        { id: 'ask', type: 'approval' },
        { id: 'a', type: 'agent' },
        { id: 'b', type: 'agent' },
      ],
      edges: [{ source: 'a', target: 'b', when: 'false' }],
    });
    const branch = { nodeId: 'a', stepId: 's-a', taken: [], notTaken: ['edges[0]'] };
    const { frames } = fold(workflow, [
      started,
      step('ask', 'running', { nodeType: 'approval' }),
      step('a', 'running'),
      step('ask', 'waiting', { nodeType: 'approval' }),
      waiting('ask', 'approval', 'w1'),
      step('a', 'completed'),
      { type: 'execution:branch', fields: branch },
      progress(1, 3),
      step('b', 'skipped'),
      progress(2, 3),
    ]);
    expect(types(frames).indexOf('RUN_FINISHED')).toBe(frames.length - 1);
    const state = frames.findLast(({ type }) => type === 'STATE_DELTA');
    expect(state).toMatchObject({ delta: [{ value: { completedSteps: 2 } }] });
  });

  test('survives journals that lack events of steps', async () => {
    const { frames } = fold(workflowOf([{ id: 'a', type: 'subagent' }, 'b']), [
      started,
      // Without the beginning of its step, and twice for one node.
      output('a', 'A1'),
      step('a', 'running', { stepId: 's-a2', nodeType: 'subagent' }),
      output('a', 'A2', 's-a2'),
      step('a', 'completed', { stepId: 's-a2', nodeType: 'subagent' }),
      // After the end of its step.
      output('a', 'late', 's-a2'),
      toolResult('b', 'unknown'),
      { type: 'execution:later', fields: {} } as unknown as EventDraft,
      completed,
    ]);
    const { messages } = await received(frames);
    expect(textOf(messages)).toContain('A2');
    expect(textOf(messages).join()).not.toContain('late');
  });

  test('leaves out a result that is null, which clients refuse', () => {
    const { frames } = fold(workflowOf(['a']), [
      started,
      { type: 'execution:completed', fields: { result: { output: null } as never } },
    ]);
    expect(frames.at(-1)).not.toHaveProperty('result');
  });

  test('ends a stream that the server closes with an error', () => {
    const [frame] = format.interrupted();
    expect(frame!.data).toMatchObject({ type: 'RUN_ERROR', code: 'stream_closed' });
    EventSchemas.parse(frame!.data);
  });
});
