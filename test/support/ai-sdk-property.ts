import { isTerminalEvent } from '@cloutagent/contract';
import { KeptWork } from '@cloutagent/contract/reduce';
import { Chat } from '@ai-sdk/react';
import { type UIMessage, type UIMessageChunk, uiMessageChunkSchema } from 'ai';
import { AiSdkFormat } from '../../src/protocols/ai-sdk/ai-sdk.format.js';
import { answerNodes, answerText } from '../../src/protocols/answer-nodes.js';
import { checkPure, framesOf, type PlacedFrame } from './format-journal.js';
import type { EndedJournal } from './random-journals.js';

const format = new AiSdkFormat();
/** How many places a stream is cut at. */
const CUTS = 6;

/** Checks an execution in the UI message stream with the code of the AI SDK. */
export async function checkAiSdk(journal: EndedJournal): Promise<void> {
  checkPure(format, journal);
  const frames = framesOf(format, journal);
  expect(frames.filter(({ data }) => typeof data === 'string').map(({ data }) => data)).toEqual(['[DONE]']);
  const chunks = frames.slice(0, -1);
  const schema = uiMessageChunkSchema();
  for (const { data } of chunks) expect(await schema.validate!(data)).toMatchObject({ success: true });

  const hasFailed = journal.events.at(-1)!.type === 'execution:failed';
  const whole = await answerOf([chunks]);
  expect([whole.status, whole.error?.message]).toEqual(
    hasFailed ? ['error', expect.stringMatching(/ \([\w.-]+\)$/)] : ['ready', undefined],
  );
  checkContent(journal, whole.message);
  for (let cut = 1; cut <= CUTS; cut += 1) {
    const at = Math.floor((chunks.length * cut) / (CUTS + 1));
    expect(await resumedAnswer(chunks.slice(0, at), chunks)).toEqual(whole);
  }
  expect(await answerOf(partsOf(chunks))).toEqual(whole);
}

interface Answer {
  status: string;
  error: Error | undefined;
  message: UIMessage;
}

/** The answer of an execution whose stream ends each time that the client has to act. */
async function answerOf(parts: readonly PlacedFrame[][]): Promise<Answer> {
  const streams = [...parts];
  const chat = chatWith(() => streamOf(streams.shift()!));
  await chat.sendMessage({ text: 'x' });
  // The client sends its last message again, as it does with answers to approvals.
  while (streams.length > 0) await chat.sendMessage();
  return answerIn(chat);
}

/** The answer of a client whose connection breaks, and that resumes. */
async function resumedAnswer(before: readonly PlacedFrame[], whole: readonly PlacedFrame[]): Promise<Answer> {
  const chat = chatWith(
    () => streamOf(before, true),
    () => streamOf(whole),
  );
  await chat.sendMessage({ text: 'x' });
  await chat.resumeStream();
  return answerIn(chat);
}

function answerIn(chat: Chat<UIMessage>): Answer {
  expect(chat.messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  return { status: chat.status, error: chat.error, message: chat.messages.at(-1)! };
}

const chatWith = (send: () => ReadableStream<UIMessageChunk>, resume = send): Chat<UIMessage> =>
  new Chat<UIMessage>({
    transport: {
      resumeStreamIsReplay: true,
      sendMessages: () => Promise.resolve(send()),
      reconnectToStream: () => Promise.resolve(resume()),
    },
    onError: () => undefined,
  });

function streamOf(frames: readonly PlacedFrame[], isBroken = false): ReadableStream<UIMessageChunk> {
  const chunks = frames.map(({ data }) => structuredClone(data) as UIMessageChunk);
  let next = 0;
  return new ReadableStream({
    pull: (controller) => {
      if (next < chunks.length) controller.enqueue(chunks[next++]!);
      else if (isBroken) controller.error(new TypeError('network error'));
      else controller.close();
    },
  });
}

/** The frames of each request: a stream ends where the execution waits for the client. */
function partsOf(frames: readonly PlacedFrame[]): PlacedFrame[][] {
  const parts: PlacedFrame[][] = [[]];
  for (const [index, frame] of frames.entries()) {
    parts.at(-1)!.push(frame);
    const { type, finishReason } = frame.data as { type: string; finishReason?: string };
    const isLastOfEvent = frames[index + 1]?.sequence !== frame.sequence;
    if (type === 'finish' && finishReason === 'tool-calls' && isLastOfEvent && index < frames.length - 1)
      parts.push([]);
  }
  return parts;
}

/** Checks the parts of a message against the events, with the reducer of the contract. */
function checkContent({ execution, events }: EndedJournal, { id, parts }: UIMessage): void {
  expect(id).toBe(execution.id);
  const keptWork = new KeptWork();
  const written = new Map<string, { sequence: number; chunk: string }[]>();
  const outputs = new Map<string, string>();
  const statuses = new Map<string, string>();
  for (const event of events) {
    // A node between two attempts has no step that could end with the execution.
    if (isTerminalEvent(event.type))
      for (const [nodeId, status] of statuses) if (status === 'retrying') statuses.set(nodeId, 'cancelled');
    if (event.type === 'execution:output')
      written.set(event.nodeId, [...(written.get(event.nodeId) ?? []), event]);
    if (event.type !== 'execution:step') continue;
    const through = keptWork.validThrough(event);
    written.set(
      event.nodeId,
      (written.get(event.nodeId) ?? []).filter(({ sequence }) => sequence <= through),
    );
    statuses.set(event.nodeId, event.status);
    if (event.status === 'completed') outputs.set(event.nodeId, answerText(event.output));
  }
  const expected = answerNodes(execution.workflow).map((nodeId) => {
    const text = (written.get(nodeId) ?? []).map(({ chunk }) => chunk).join('');
    return text === '' ? (outputs.get(nodeId) ?? '') : text;
  });
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  // Nodes write at the same time, so their parts may take turns.
  expect(texts.join('').split('').toSorted()).toEqual(expected.join('').split('').toSorted());
  const shown = parts.flatMap((part) =>
    part.type === 'data-node' ? [[part.id, (part.data as { status: string }).status]] : [],
  );
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(statuses));
  for (const part of parts) {
    if (part.type === 'text' || part.type === 'reasoning') expect(part.state).toBe('done');
    if (part.type === 'dynamic-tool')
      expect(['output-available', 'output-error', 'output-denied']).toContain(part.state);
  }
}
