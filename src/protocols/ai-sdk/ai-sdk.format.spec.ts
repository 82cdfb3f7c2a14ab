import type { ExecutionEvent, Workflow } from '@cloutagent/contract';
import {
  type DynamicToolUIPart,
  readUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
  uiMessageChunkSchema,
} from 'ai';
import { agentEvents, type EventDraft } from '../../../test/support/agent-journal.js';
import { copyState } from '../../streaming/formats/copy-state.js';
import { AiSdkFormat } from './ai-sdk.format.js';

const ID = '0199c0de-0000-7000-8000-000000000001';
const node = (id: string, type = 'agent') => ({ id, type, data: { config: {} } });
const graph = (nodes: object[], edges: object[] = []) => ({ nodes, edges }) as unknown as Workflow;
const CHAT = graph([node('a')]);

const started: EventDraft = { type: 'execution:started', projectId: 'demo', attempt: 1 };
const completed: EventDraft = {
  type: 'execution:completed',
  result: { tokenUsage: { input: 1, output: 2, total: 3 }, costUSD: 0.5 },
};
const waiting = (nodeId: string, waitId: string, kind: string, more: object = {}): EventDraft => ({
  type: 'execution:waiting',
  waitId,
  nodeId,
  stepId: `${nodeId}-1`,
  kind,
  ...more,
});
const waitEnded = (nodeId: string, waitId: string, kind: string, outcome = 'answered'): EventDraft => ({
  type: 'execution:wait-ended',
  waitId,
  nodeId,
  stepId: `${nodeId}-1`,
  kind,
  outcome,
});

const numbered = (drafts: EventDraft[]): ExecutionEvent[] =>
  drafts.map(
    (draft, index) =>
      ({
        sequence: index + 1,
        executionId: ID,
        timestamp: '2026-11-23T18:00:00.000Z',
        ...draft,
      }) as unknown as ExecutionEvent,
  );

const format = new AiSdkFormat();

/** The chunks of events, and whether the execution waits for the client after them. */
function encode(workflow: Workflow, drafts: EventDraft[]): { chunks: UIMessageChunk[]; isIdle: boolean } {
  let state = format.begin({
    id: ID,
    projectId: 'demo',
    createdAt: '2026-11-23T18:00:00.000Z',
    input: null,
    workflow,
  });
  const chunks = numbered(drafts).flatMap((event) => {
    const frames = format.encode(event, state);
    state = copyState(state, 'ai-sdk') as typeof state;
    return frames.flatMap(({ data }) => (typeof data === 'string' ? [] : [data as UIMessageChunk]));
  });
  return { chunks, isIdle: format.isIdle(state) };
}

/** The message that the AI SDK makes of chunks, and the error that they end with. */
async function read(chunks: UIMessageChunk[]): Promise<{ message: UIMessage | undefined; error: unknown }> {
  let message: UIMessage | undefined;
  let error: unknown;
  const schema = uiMessageChunkSchema();
  for (const chunk of chunks) expect(await schema.validate!(chunk)).toMatchObject({ success: true });
  for await (const next of readUIMessageStream({
    stream: ReadableStream.from(chunks),
    onError: (given) => (error ??= given),
  }))
    message = next;
  return { message, error };
}

async function messageOf(workflow: Workflow, drafts: EventDraft[]): Promise<UIMessage> {
  const { message, error } = await read(encode(workflow, drafts).chunks);
  expect(error).toBeUndefined();
  return message!;
}

const texts = ({ parts }: UIMessage) => parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
const types = ({ parts }: UIMessage) => parts.map(({ type }) => type);
const tools = ({ parts }: UIMessage) =>
  parts.filter((part): part is DynamicToolUIPart => part.type === 'dynamic-tool');
const data = ({ parts }: UIMessage) =>
  Object.fromEntries(parts.flatMap((part) => (part.type === 'data-node' ? [[part.id, part.data]] : [])));

const a = agentEvents('a');
const b = agentEvents('b');

describe('the UI message stream', () => {
  it('has the text of the last node, and a data part for each node', async () => {
    const workflow = graph([node('b'), node('a')], [{ source: 'b', target: 'a' }]);
    const message = await messageOf(workflow, [
      started,
      b.step(1, 'running'),
      b.output(1, 'notes'),
      b.step(1, 'completed', { output: 'notes' }),
      a.step(1, 'running'),
      { type: 'execution:thinking', stepId: 'a-1', nodeId: 'a', chunk: 'Hm.' },
      a.output(1, 'The '),
      a.output(1, 'answer.'),
      ...a.usage(1, 2, {}),
      a.step(1, 'completed', { output: 'The answer.', finishReason: 'stop' }),
      completed,
    ]);
    expect(message).toMatchObject({
      id: ID,
      role: 'assistant',
      metadata: {
        executionId: ID,
        status: 'completed',
        usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 },
        costUSD: 0.5,
      },
    });
    expect(types(message)).toEqual(['data-node', 'data-node', 'step-start', 'reasoning', 'text']);
    expect(texts(message)).toEqual(['The answer.']);
    expect(data(message)).toMatchObject({
      b: { status: 'completed', output: 'notes', label: 'b', nodeType: 'agent' },
      a: { status: 'completed', finishReason: 'stop' },
    });
  });

  it('has the output of a last node that has written no text', async () => {
    const message = await messageOf(graph([node('t', 'transform')]), [
      started,
      { ...agentEvents('t').step(1, 'running'), nodeType: 'transform' },
      { ...agentEvents('t').step(1, 'completed', { output: { n: 1 } }), nodeType: 'transform' },
      completed,
    ]);
    expect(texts(message)).toEqual(['{"n":1}']);
  });

  it('drops the text of an attempt that is retried, and keeps what another node has written', async () => {
    const message = await messageOf(graph([node('a'), node('b')]), [
      started,
      a.step(1, 'running'),
      b.step(1, 'running'),
      a.output(1, 'wrong '),
      b.output(1, 'B says '),
      b.call(1, 'c', 'find', { q: 1 }),
      a.output(1, 'text'),
      a.step(1, 'retrying', { error: 'it broke', code: 'model_failed' }),
      b.result(1, 'c', 'found'),
      b.output(1, 'hello'),
      a.step(2, 'running'),
      a.output(2, 'right'),
      a.step(2, 'completed', { output: 'right' }),
      b.output(1, '!'),
      b.step(1, 'completed', { output: 'hello!' }),
      completed,
    ]);
    expect(texts(message)).toEqual(['B says ', 'hello!', 'right']);
    expect(tools(message)).toMatchObject([
      { toolName: 'find', state: 'output-available', input: { q: 1 }, output: 'found' },
    ]);
    expect(data(message)).toMatchObject({ a: { attempt: 2, status: 'completed' } });
  });

  it('keeps the text and the calls up to keptThrough', async () => {
    const message = await messageOf(CHAT, [
      started,
      a.step(1, 'running'),
      a.output(1, 'I look it up. '),
      a.call(1, 'c', 'find', {}),
      a.result(1, 'c', 'found'),
      a.output(1, 'cut o'),
      a.step(1, 'retrying', { keptThrough: 5, error: 'it broke' }),
      a.step(2, 'running', { continues: 'a-1' }),
      a.output(2, 'Ada.'),
      a.step(2, 'completed', { output: 'Ada.' }),
      completed,
    ]);
    expect(types(message)).toEqual(['data-node', 'step-start', 'text', 'dynamic-tool', 'step-start', 'text']);
    expect(texts(message)).toEqual(['I look it up. ', 'Ada.']);
  });

  it('asks for the approval of a call only when nothing else runs, and continues with the answer', async () => {
    const workflow = graph([node('a'), node('b')]);
    const before = [
      started,
      a.step(1, 'running'),
      b.step(1, 'running'),
      a.call(1, 'c', 'refund', { amount: 5 }),
      a.call(1, 'd', 'refund', { amount: 6 }),
      a.step(1, 'waiting'),
      waiting('a', 'w2', 'tool', { toolName: 'refund', toolArgs: { amount: 6 }, message: 'May it?' }),
      waiting('a', 'w1', 'tool', { toolName: 'refund', toolArgs: { amount: 5 } }),
    ];
    const busy = encode(workflow, before);
    expect(busy.isIdle).toBe(false);
    expect(busy.chunks.filter(({ type }) => type === 'tool-approval-request')).toEqual([]);
    const drafts = [
      ...before,
      b.output(1, 'B'),
      b.step(1, 'completed', { output: 'B' }),
      waitEnded('a', 'w1', 'tool'),
      waitEnded('a', 'w2', 'tool'),
      a.step(1, 'running'),
      a.result(1, 'c', 'done'),
      a.result(1, 'd', 'A person has denied this call, so it was not sent. Reason: too much', {
        isError: true,
      }),
      a.output(1, 'Refunded 5.'),
      a.step(1, 'completed', { output: 'Refunded 5.' }),
      completed,
    ];
    const idle = encode(workflow, drafts.slice(0, 10));
    expect(idle.isIdle).toBe(true);
    const asked = (await read(idle.chunks)).message!;
    expect(tools(asked)).toMatchObject([
      { state: 'approval-requested', input: { amount: 5 }, approval: { id: 'w1' } },
      { state: 'approval-requested', input: { amount: 6 }, approval: { id: 'w2', requestReason: 'May it?' } },
    ]);
    expect(asked.metadata).toMatchObject({ status: 'waiting', sequence: 10 });
    const message = await messageOf(workflow, drafts);
    expect(tools(message)).toMatchObject([
      { state: 'output-available', output: 'done', approval: { id: 'w1', approved: true } },
      { state: 'output-denied', approval: { id: 'w2', approved: false } },
    ]);
    expect(texts(message)).toEqual(['B', 'Refunded 5.']);
    expect(message.metadata).toMatchObject({ status: 'completed' });
  });

  it('does not ask while the next node is about to begin', () => {
    const workflow = graph([node('a'), node('b'), node('c')], [{ source: 'b', target: 'c' }]);
    const { isIdle } = encode(workflow, [
      started,
      a.step(1, 'running'),
      b.step(1, 'running'),
      a.step(1, 'waiting'),
      waiting('a', 'w1', 'approval'),
      b.step(1, 'completed', { output: 'B' }),
    ]);
    expect(isIdle).toBe(false);
  });

  it.each([
    [{ approved: true, by: 'x', comment: null, values: { n: 1 } }, 'completed', 'output-available'],
    [{ approved: false, by: 'x', comment: 'no', values: null }, 'completed', 'output-denied'],
    [undefined, 'failed', 'output-denied'],
  ])('shows an approval as a call of the tool approval: %j %s', async (output, status, state) => {
    const end = { output, ...(status === 'failed' && { code: 'approval_rejected', error: 'x: no' }) };
    const step = (of: string, more: object = {}) => ({ ...a.step(1, of, more), nodeType: 'approval' });
    const message = await messageOf(
      graph([node('a', 'approval'), node('b')], [{ source: 'a', target: 'b' }]),
      [
        started,
        step('running'),
        a.output(1, 'Send it?'),
        step('waiting'),
        waiting('a', 'w1', 'approval', { message: 'Send it?', schema: { type: 'object' } }),
        waitEnded('a', 'w1', 'approval'),
        step('running'),
        step(status, end),
      ],
    );
    expect(tools(message)).toMatchObject([
      { toolName: 'approval', state, input: { message: 'Send it?', schema: { type: 'object' } } },
    ]);
  });

  it('ends with an error that has the code, after the metadata', async () => {
    const { chunks } = encode(CHAT, [
      started,
      a.step(1, 'running'),
      a.output(1, 'cut'),
      a.step(1, 'failed', { error: 'no', code: 'model_failed' }),
      { type: 'execution:failed', error: 'no', code: 'model_failed', nodeId: 'a' },
    ]);
    const { message, error } = await read(chunks);
    expect(error).toMatchObject({ message: 'no (model_failed)' });
    expect(message!.metadata).toMatchObject({
      status: 'failed',
      error: { message: 'no', code: 'model_failed', nodeId: 'a' },
    });
    expect(format.interrupted()).toMatchObject([{ data: { type: 'error' } }]);
  });

  it('aborts at a cancel, and closes what an older journal left open', async () => {
    const drafts = [
      started,
      a.step(1, 'running'),
      a.output(1, 'cut'),
      a.call(1, 'c', 'find', {}),
      { type: 'execution:cancelled', reason: 'enough' },
    ];
    const { chunks } = encode(CHAT, drafts);
    expect(chunks).toContainEqual({ type: 'abort', reason: 'enough' });
    const { message } = await read(chunks);
    expect(tools(message!)).toMatchObject([{ state: 'output-error' }]);
    expect(data(message!)).toMatchObject({ a: { status: 'cancelled' } });
    expect(message!.parts).toContainEqual(expect.objectContaining({ type: 'text', state: 'done' }));
  });

  it('keeps no more of the text of a node than it shows', async () => {
    const workflow = graph([node('b'), node('a')], [{ source: 'b', target: 'a' }]);
    const chunks = Array.from({ length: 1_000 }, () => b.output(1, 'x'.repeat(10)));
    const { chunks: sent } = encode(workflow, [started, b.step(1, 'running'), ...chunks]);
    const { message } = await read(sent);
    expect(data(message!)).toMatchObject({ b: { text: 'x'.repeat(2_000), isCut: true } });
    expect(sent.length).toBeLessThan(20);
  });
});

describe('long executions', () => {
  it('do not keep the results of a node beside one that writes', async () => {
    const workflow = graph([node('a'), node('b')]);
    const result = 'r'.repeat(100_000);
    const rounds = Array.from({ length: 20 }, (_, index) => [
      b.call(1, `c${index}`, 'find', { index }),
      b.result(1, `c${index}`, result),
      a.output(1, `${index} `),
    ]).flat();
    const drafts = [started, a.step(1, 'running'), b.step(1, 'running'), ...rounds];
    let state = format.begin({ id: ID, projectId: 'demo', createdAt: '', input: null, workflow });
    let largest = 0;
    for (const event of numbered(drafts)) {
      format.encode(event, state);
      state = copyState(state, 'ai-sdk') as typeof state;
      largest = Math.max(largest, JSON.stringify(state).length);
    }
    expect(largest).toBeLessThan(600_000);
    const message = await messageOf(workflow, drafts);
    expect(tools(message).map(({ state: shown }) => shown)).toEqual(
      rounds.slice(0, 20).map(() => 'output-available'),
    );
    expect(texts(message).join('')).toBe(Array.from({ length: 20 }, (_, index) => `${index} `).join(''));
  });

  it('keep only the text of the answer of 200,000 events', () => {
    const drafts = [
      started,
      a.step(1, 'running'),
      ...Array.from({ length: 200_000 }, () => a.output(1, 'word ')),
    ];
    const state = format.begin({ id: ID, projectId: 'demo', createdAt: '', input: null, workflow: CHAT });
    let length = 0;
    for (const event of numbered(drafts)) length += JSON.stringify(format.encode(event, state)).length;
    expect(JSON.stringify(state).length).toBeLessThan(200_000 * 5 + 2_000);
    expect(length).toBeLessThan(200_000 * 100);
  });
});
