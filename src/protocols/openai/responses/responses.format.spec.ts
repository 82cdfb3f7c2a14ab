import type { ExecutionEvent } from '@cloutagent/contract';
import fc from 'fast-check';
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { answersIn, formatted, journal, JournalWriter } from '../../../../test/support/openai-journals.js';
import { OPENAI } from '../request-record.js';
import { placeAfter } from '../sequence-number.js';
import { ResponsesFormat } from './responses.format.js';
import { responseOf } from './response-state.js';

const format = new ResponsesFormat();

/** Folds a journal as the server does: the state is copied between events. */
function fold(events: readonly ExecutionEvent[]) {
  let state = format.begin(formatted());
  const frames: { sequence: number; part: number; event: ResponseStreamEvent }[] = [];
  for (const event of events) {
    state = JSON.parse(JSON.stringify(state)) as typeof state;
    for (const [at, { event: type, data }] of format.encode(event, state).entries()) {
      const sent = JSON.parse(JSON.stringify(data)) as ResponseStreamEvent;
      expect(type).toBe(sent.type);
      frames.push({ sequence: event.sequence, part: at + 1, event: sent });
    }
  }
  return { state, frames };
}

const accumulate = (frames: readonly { event: ResponseStreamEvent }[]): Response =>
  frames.reduce<Response | undefined>(
    (snapshot, { event }) => accumulateResponse(event, snapshot),
    undefined,
  )!;

/** Reads frames with the helper `client.responses.stream`, which checks more than the accumulator. */
const throughHelper = (frames: readonly { event: ResponseStreamEvent }[]): Promise<Response> =>
  ResponseStream.fromReadableStream(
    new Blob([frames.map(({ event }) => `${JSON.stringify(event)}\n`).join('')]).stream(),
  ).finalResponse();

describe('the format openai-responses', () => {
  it('gives frames that the Node SDK accepts, and a final response with the valid texts', async () => {
    await fc.assert(
      fc.asyncProperty(journal, async (events) => {
        const { frames, state } = fold(events);
        const final = accumulate(frames);
        expect(final).toMatchObject(JSON.parse(JSON.stringify(responseOf(state))) as object);
        expect((await throughHelper(frames)).output_text).toBe(final.output_text);
        const texts: Record<string, string> = { left: '', right: '' };
        for (const item of final.output) {
          if (item.type !== 'message') continue;
          const { nodeId } = events[Number(item.id.split('_').at(-1)) - 1] as { nodeId: string };
          texts[nodeId] += item.content
            .map((part) => (part.type === 'output_text' ? part.text : ''))
            .join('');
        }
        expect(texts).toEqual(answersIn(events));
      }),
    );
  });

  it('numbers frames so that they rise, and so that starting_after names a place', () => {
    fc.assert(
      fc.property(journal, (events) => {
        let last = 0;
        for (const { sequence, part, event } of fold(events).frames) {
          expect(event.sequence_number).toBeGreaterThan(last);
          last = event.sequence_number;
          expect(placeAfter(last)).toEqual({ sequence, part });
        }
      }),
    );
    expect(placeAfter(0)).toEqual({ sequence: 0, part: 0 });
  });

  it('keeps the documented order of the events of a text', () => {
    const events = new JournalWriter().add(
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      step('left', 's1', 'running'),
      { type: 'execution:thinking', nodeId: 'left', stepId: 's1', chunk: 'Hm' },
      { type: 'execution:output', nodeId: 'left', stepId: 's1', chunk: 'Hello' },
      step('left', 's1', 'completed', { output: 'Hello' }),
      { type: 'execution:completed', result: {} },
    ).events;
    expect(fold(events).frames.map(({ event }) => event.type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_text.delta',
      'response.reasoning_summary_text.done',
      'response.reasoning_summary_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
  });

  it('drops the text of an attempt that is repeated, and keeps what a tool round has stored', () => {
    const events = new JournalWriter().add(
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      step('left', 's1', 'running'),
      { type: 'execution:output', nodeId: 'left', stepId: 's1', chunk: 'I look it up. ' },
      {
        type: 'execution:tool-call',
        nodeId: 'left',
        stepId: 's1',
        toolId: 'c',
        toolName: 'crm/find',
        toolArgs: { name: 'Ada' },
      },
      {
        type: 'execution:tool-result',
        nodeId: 'left',
        stepId: 's1',
        toolId: 'c',
        result: 'Paris',
        isError: false,
      },
      { type: 'execution:output', nodeId: 'left', stepId: 's1', chunk: 'Ada li' },
      step('left', 's1', 'retrying', { keptThrough: 5 }),
      step('left', 's2', 'running', { continues: 's1' }),
      { type: 'execution:output', nodeId: 'left', stepId: 's2', chunk: 'Ada lives in Paris.' },
      step('left', 's2', 'completed', { output: 'Ada lives in Paris.' }),
      { type: 'execution:completed', result: {} },
    ).events;
    const { frames } = fold(events);
    const { output, output_text } = accumulate(frames);
    expect(output_text).toBe('I look it up. Ada lives in Paris.');
    expect(output).toEqual([
      expect.objectContaining({ type: 'message', status: 'completed' }),
      expect.objectContaining({
        type: 'mcp_call',
        server_label: 'crm',
        name: 'find',
        arguments: '{"name":"Ada"}',
        output: 'Paris',
        status: 'completed',
      }),
      expect.objectContaining({ type: 'message', status: 'completed' }),
    ]);
    const dropped = frames.flatMap(({ event }) =>
      event.type === 'response.output_item.done' && event.item.type === 'message' ? [event.item.status] : [],
    );
    expect(dropped).toEqual(['completed', 'incomplete', 'completed']);
  });

  it('answers with the output of a node that emits no text', () => {
    const events = new JournalWriter().add(
      { type: 'execution:started', projectId: 'demo', attempt: 1 },
      step('left', 's1', 'completed', { output: { total: 3 }, reusedFrom: 'x' }),
      step('right', 's2', 'skipped'),
      { type: 'execution:completed', result: {} },
    ).events;
    expect(accumulate(fold(events).frames).output_text).toBe('{"total":3}');
  });

  it('says that an answer is incomplete if its model has cut it off', () => {
    for (const [finishReason, reason] of [
      ['length', 'max_output_tokens'],
      ['content-filter', 'content_filter'],
    ]) {
      const events = new JournalWriter().add(
        { type: 'execution:started', projectId: 'demo', attempt: 1 },
        { type: 'execution:output', nodeId: 'left', stepId: 's1', chunk: 'Once upon' },
        step('left', 's1', 'completed', { output: 'Once upon', finishReason, incomplete: true }),
        { type: 'execution:completed', result: {} },
      ).events;
      const { frames } = fold(events);
      expect(frames.at(-1)!.event.type).toBe('response.incomplete');
      expect(accumulate(frames)).toMatchObject({ status: 'incomplete', incomplete_details: { reason } });
    }
  });

  it('ends a cancelled response as response.incomplete, which the SDK knows, with the status cancelled', () => {
    const { frames } = fold(new JournalWriter().add({ type: 'execution:cancelled' }).events);
    expect(frames.map(({ event }) => event.type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.incomplete',
    ]);
    expect(accumulate(frames)).toMatchObject({ status: 'cancelled', incomplete_details: null, error: null });
  });

  it('shows what the client has asked for', () => {
    const data = {
      model: 'compare@production',
      instructions: 'Be short.',
      metadata: { page: '1' },
      background: true,
      previousResponseId: 'resp_x',
      items: [],
      messages: [],
      includeUsage: false,
    };
    const state = format.begin(formatted({ protocol: OPENAI, threadId: 't', data }));
    expect(responseOf(state)).toMatchObject({
      id: expect.stringMatching(/^resp_/),
      status: 'queued',
      model: 'compare@3',
      instructions: 'Be short.',
      metadata: { page: '1' },
      background: true,
      previous_response_id: 'resp_x',
    });
  });
});

const step = (nodeId: string, stepId: string, status: string, more: object = {}) => ({
  type: 'execution:step',
  nodeId,
  nodeType: 'agent',
  step: nodeId,
  stepId,
  attempt: 1,
  status,
  ...more,
});
