import type { ExecutionEvent } from '@cloutagent/contract';
import fc from 'fast-check';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { answersIn, formatted, journal, JournalWriter } from '../../../../test/support/openai-journals.js';
import { OPENAI } from '../request-record.js';
import { ChatFormat } from './chat.format.js';

const format = new ChatFormat();
const THREAD = {
  protocol: OPENAI,
  threadId: 't',
  data: { model: 'demo/compare', includeUsage: true, metadata: {}, items: [], messages: null },
};

interface Chunk {
  choices?: { delta: { content?: string }; finish_reason: string | null }[];
  usage?: { total_tokens: number } | null;
  error?: { message: string; code: string };
}

/** Folds a journal as the server does: the state is copied between events. */
function fold(events: readonly ExecutionEvent[], thread?: typeof THREAD) {
  let state = format.begin(formatted(thread));
  const data: (Chunk | string)[] = [];
  for (const event of events) {
    state = JSON.parse(JSON.stringify(state)) as typeof state;
    for (const frame of format.encode(event, state)) data.push(frame.data);
  }
  const chunks = data.filter((each): each is Chunk => typeof each !== 'string');
  const text = chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('');
  return { state, data, chunks, text, error: chunks.find(({ error }) => error)?.error };
}

const step = (nodeId: string, status: string, more: object = {}) => ({
  type: 'execution:step',
  nodeId,
  nodeType: 'agent',
  step: nodeId,
  stepId: `${nodeId}-1`,
  attempt: 1,
  status,
  ...more,
});
const output = (nodeId: string, chunk: string) => ({
  type: 'execution:output',
  nodeId,
  stepId: `${nodeId}-1`,
  chunk,
});
const STARTED = { type: 'execution:started', projectId: 'demo', attempt: 1 };
const COMPLETED = { type: 'execution:completed', result: {} };

describe('the format openai-chat', () => {
  it('ends as complete only with the valid text of each node, in one piece', () => {
    fc.assert(
      fc.property(journal, (events) => {
        const { data, chunks, text, error, state } = fold(events);
        const isComplete = data.at(-1) === '[DONE]';
        expect(isComplete).toBe(error === undefined);
        expect(format.isIdle(state)).toBe(!isComplete);
        expect(chunks.filter(({ choices }) => choices?.[0]?.finish_reason).length).toBe(isComplete ? 1 : 0);
        if (!isComplete) return;
        const answers = Object.values(answersIn(events)).filter((answer) => answer !== '');
        expect(text.split('\n\n').filter(Boolean).toSorted()).toEqual(answers.toSorted());
      }),
    );
  });

  it('gives chunks that the helper of the Node SDK accepts', async () => {
    const events = new JournalWriter().add(
      STARTED,
      step('left', 'running'),
      output('left', 'Hello '),
      output('left', 'there'),
      { type: 'execution:token-usage', nodeId: 'left', model: 'm', usage: { input: 3, output: 2, total: 5 } },
      step('left', 'completed', { output: 'Hello there' }),
      COMPLETED,
    ).events;
    const { chunks, data } = fold(events, THREAD);
    expect(data.at(-1)).toBe('[DONE]');
    const stream = ChatCompletionStream.fromReadableStream(
      new Blob(chunks.map((chunk) => `${JSON.stringify(chunk)}\n`)).stream(),
    );
    expect(await stream.finalContent()).toBe('Hello there');
    expect(await stream.totalUsage()).toEqual({ prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } });
  });

  it('sends the text of one node after that of the other', () => {
    const events = new JournalWriter().add(
      STARTED,
      step('left', 'running'),
      step('right', 'running'),
      output('right', 'R1'),
      output('left', 'L1'),
      output('right', 'R2'),
      output('left', 'L2'),
      step('left', 'completed', { output: 'L1L2' }),
      output('right', 'R3'),
      step('right', 'completed', { output: 'R1R2R3' }),
      COMPLETED,
    ).events;
    expect(fold(events).text).toBe('R1R2R3\n\nL1L2');
  });

  it('ends with an error if text that was sent is no longer valid', () => {
    const events = new JournalWriter().add(
      STARTED,
      step('left', 'running'),
      output('left', 'Half an ans'),
      step('left', 'retrying', { error: 'x', code: 'model_error' }),
      step('left', 'running', { stepId: 'left-2', attempt: 2 }),
      { ...output('left', 'An answer'), stepId: 'left-2' },
      step('left', 'completed', { stepId: 'left-2', output: 'An answer' }),
      COMPLETED,
    ).events;
    const { error, data } = fold(events);
    expect(error).toMatchObject({ code: 'answer_repeated' });
    expect(data.at(-1)).toEqual({ error });
  });

  it('repeats an attempt silently if none of its text was sent', () => {
    const events = new JournalWriter().add(
      STARTED,
      step('left', 'running'),
      step('left', 'retrying', { error: 'x', code: 'model_error' }),
      step('left', 'running', { stepId: 'left-2', attempt: 2 }),
      { ...output('left', 'An answer'), stepId: 'left-2' },
      step('left', 'completed', { stepId: 'left-2', output: 'An answer' }),
      COMPLETED,
    ).events;
    expect(fold(events)).toMatchObject({ text: 'An answer', error: undefined });
  });

  it('says that a model has cut its answer off', () => {
    const events = new JournalWriter().add(
      STARTED,
      step('left', 'running'),
      output('left', 'Once'),
      step('left', 'completed', { output: 'Once', finishReason: 'length', incomplete: true }),
      COMPLETED,
    ).events;
    expect(fold(events).chunks.at(-1)!.choices![0]!.finish_reason).toBe('length');
  });
});
