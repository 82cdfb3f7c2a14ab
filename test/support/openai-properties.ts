import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import type { Response, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { answerNodes } from '../../src/protocols/answer-nodes.ts';
import { ChatFormat } from '../../src/protocols/openai/chat/chat.format.ts';
import { ResponsesFormat } from '../../src/protocols/openai/responses/responses.format.ts';
import { placeAfter } from '../../src/protocols/openai/sequence-number.ts';
import { checkPure, framesOf, type PlacedFrame } from './format-journal.ts';
import type { EndedJournal } from './random-journals.ts';

const STATUSES = { completed: 'completed', failed: 'failed', cancelled: 'cancelled' } as const;

const lines = (items: readonly unknown[]): ReadableStream =>
  new Blob(items.map((item) => `${JSON.stringify(item)}\n`)).stream();

/** How the execution has ended, from its last event. */
const endOf = ({ events }: EndedJournal): keyof typeof STATUSES =>
  events.at(-1)!.type.slice('execution:'.length) as keyof typeof STATUSES;

/** The answer as the journal has it, for an execution with one answering node; undefined for others. */
function onlyAnswer({ execution, events }: EndedJournal): string | undefined {
  const [nodeId, ...others] = answerNodes(execution.workflow);
  if (others.length > 0) return undefined;
  const done = events.findLast(
    (event) => event.type === 'execution:step' && event.nodeId === nodeId && event.status === 'completed',
  );
  const output = done && 'output' in done ? done.output : undefined;
  return typeof output === 'string' ? output : undefined;
}

/**
 * Checks one execution with the code of the Node SDK: it accepts every event of `openai-responses`, the final response says
 * what the journal says, and `starting_after` any event continues with the next one.
 */
export async function checkResponses(journal: EndedJournal): Promise<void> {
  checkPure(new ResponsesFormat(), journal);
  const frames = framesOf(new ResponsesFormat(), journal);
  const sent = frames.map(({ data }) => JSON.parse(JSON.stringify(data)) as ResponseStreamEvent);
  const final = sent.reduce<Response | undefined>(
    (snapshot, event) => accumulateResponse(event, snapshot),
    undefined,
  )!;
  expect(final.status).toBe(STATUSES[endOf(journal)]);
  const answer = onlyAnswer(journal);
  if (final.status === 'completed' && answer !== undefined)
    expect(final.output_text.endsWith(answer)).toBe(true);
  const streamed = await ResponseStream.fromReadableStream(lines(sent)).finalResponse();
  expect(streamed).toMatchObject({ status: final.status, output: final.output });
  for (const [index, { sequence_number: after }] of sent.entries()) {
    const { sequence, part } = placeAfter(after);
    const isAfter = (frame: PlacedFrame) =>
      frame.sequence > sequence || (frame.sequence === sequence && frame.part > part);
    // Frames are in order, so the first one after the place decides.
    expect(frames.findIndex(isAfter)).toBe(index + 1 < frames.length ? index + 1 : -1);
  }
}

/** Checks one execution with the code of the Node SDK: chunks end as complete only if the text is whole. */
export async function checkChat(journal: EndedJournal): Promise<void> {
  checkPure(new ChatFormat(), journal);
  const data = framesOf(new ChatFormat(), journal).map((frame) => frame.data);
  const chunks = data.filter((each) => typeof each === 'object');
  const isComplete = data.at(-1) === '[DONE]';
  expect(chunks.some((chunk) => 'error' in chunk)).toBe(!isComplete);
  if (!isComplete) return;
  expect(endOf(journal)).toBe('completed');
  const content = await ChatCompletionStream.fromReadableStream(lines(chunks)).finalContent();
  const answer = onlyAnswer(journal);
  if (answer !== undefined) expect(content!.endsWith(answer)).toBe(true);
}
