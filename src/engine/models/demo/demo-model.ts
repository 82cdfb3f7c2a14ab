import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  APICallError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4GenerateResult,
  type LanguageModelV4StreamPart,
  type LanguageModelV4StreamResult,
  type LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { abortable } from '../../../common/abortable.js';
import { answerWords, inChunks, pseudoRandom, WORDS } from './demo-answer.js';
import { DemoOptions } from './demo-options.js';
import { type DemoPrompt, readPrompt } from './demo-prompt.js';
import { smallestValue } from './demo-value.js';

const DEFAULT_CHUNKS = 40;
/** Chunks that are sent without a delay in one turn of the event loop. */
const CHUNKS_PER_TURN = 32;
/** An answer that fits no schema. It is also how the model knows, in a later prompt, how many there were. */
const INVALID_ANSWER = 'This answer is not JSON, as requested by providerOptions.demo.invalidTimes.';

/**
 * A language model that needs no network. It makes its answer from the prompt; the same prompt always gives the same
 * answer. Four characters count as one token, rounded up.
 */
export class DemoModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'demo';
  readonly supportedUrls = {};

  constructor(readonly modelId: string) {}

  async doStream(call: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    call.abortSignal?.throwIfAborted();
    const options = DemoOptions.parse(call.providerOptions?.demo ?? {});
    const attempt = Number(call.providerOptions?.execution?.attempt ?? 1);
    const fails = attempt <= options.failTimes;
    if (fails && options.failAfterChunks === undefined) throw unavailable(attempt, options.failTimes);
    const parts = answer(call, options, fails ? options.failAfterChunks : undefined);
    const stream = new ReadableStream<LanguageModelV4StreamPart>({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    });
    return { stream };
  }

  async doGenerate(call: LanguageModelV4CallOptions): Promise<LanguageModelV4GenerateResult> {
    const { stream } = await this.doStream(call);
    const result: LanguageModelV4GenerateResult = {
      content: [],
      finishReason: { unified: 'other', raw: undefined },
      usage: usage(0, 0, 0),
      warnings: [],
    };
    let [text, reasoning] = ['', ''];
    for await (const part of stream) {
      if (part.type === 'text-delta') text += part.delta;
      if (part.type === 'reasoning-delta') reasoning += part.delta;
      if (part.type === 'tool-call') result.content.push(part);
      if (part.type === 'finish')
        Object.assign(result, { finishReason: part.finishReason, usage: part.usage });
    }
    if (text) result.content.unshift({ type: 'text', text });
    if (reasoning) result.content.unshift({ type: 'reasoning', text: reasoning });
    return result;
  }
}

/** @param breakAfter the number of chunks after which the stream breaks */
async function* answer(
  call: LanguageModelV4CallOptions,
  options: DemoOptions,
  breakAfter: number | undefined,
): AsyncGenerator<LanguageModelV4StreamPart> {
  const prompt = readPrompt(call.prompt);
  const waitForTurn = pacer(options, breakAfter, call.abortSignal);
  let thinking = 0;
  let text = 0;
  yield { type: 'stream-start', warnings: [] };

  if (options.thinking > 0) {
    yield { type: 'reasoning-start', id: 'thinking' };
    for (const delta of inChunks(answerWords(`think ${prompt.text}`, options.thinking), options.thinking)) {
      await waitForTurn();
      thinking += delta.length;
      yield { type: 'reasoning-delta', id: 'thinking', delta };
    }
    yield { type: 'reasoning-end', id: 'thinking' };
  }

  const toolCalls = toolCallsOf(call, options, prompt);
  for (const [index, { name, args }] of toolCalls.entries()) {
    await waitForTurn();
    const input = JSON.stringify(args);
    text += input.length;
    const toolCallId = `call_${call.prompt.length}${index === 0 ? '' : `_${index}`}`;
    yield { type: 'tool-call', toolCallId, toolName: name, input };
  }
  if (toolCalls.length === 0) {
    yield { type: 'text-start', id: 'answer' };
    for (const delta of answerChunks(call, prompt, options)) {
      await waitForTurn();
      text += delta.length;
      yield { type: 'text-delta', id: 'answer', delta };
    }
    yield { type: 'text-end', id: 'answer' };
  }
  const finishReason = toolCalls.length > 0 ? 'tool-calls' : (options.finishReason ?? 'stop');
  yield {
    type: 'finish',
    finishReason: { unified: finishReason, raw: undefined },
    usage: usage(prompt.text.length, text, thinking),
  };
}

function toolCallsOf(
  { toolChoice, tools = [] }: LanguageModelV4CallOptions,
  { toolCall, toolCalls, rounds, ignoresToolChoice }: DemoOptions,
  { toolMessages }: DemoPrompt,
): NonNullable<DemoOptions['toolCalls']> {
  if (toolMessages >= rounds || (toolChoice?.type === 'none' && !ignoresToolChoice)) return [];
  const known = new Set(tools.map(({ name }) => name));
  // Also full names, such as crm/find-customer: models know them without the slash.
  const nameOf = (name: string) => (known.has(name) ? name : name.replaceAll('/', '__'));
  const wanted = [...(toolCall ? [toolCall] : []), ...(toolCalls ?? [])];
  return wanted.map((each) => ({ ...each, name: nameOf(each.name) }));
}

function answerChunks(
  call: LanguageModelV4CallOptions,
  prompt: DemoPrompt,
  options: DemoOptions,
): Iterable<string> {
  const { chunks } = options;
  const text = options.text ?? jsonAnswer(call, prompt, options);
  if (text === undefined)
    return inChunks(
      answerWords(prompt.text, chunks ?? 0, prompt.question, prompt.files),
      chunks ?? DEFAULT_CHUNKS,
    );
  const characters = Array.from(text);
  return inChunks(characters, Math.min(chunks ?? DEFAULT_CHUNKS, characters.length));
}

/** Makes the JSON that the call asks for; undefined if it asks for text. */
function jsonAnswer(
  { responseFormat }: LanguageModelV4CallOptions,
  { text }: DemoPrompt,
  { invalidTimes }: DemoOptions,
): string | undefined {
  if (responseFormat?.type !== 'json') return undefined;
  if (text.split(INVALID_ANSWER).length - 1 < invalidTimes) return INVALID_ANSWER;
  const schema = (responseFormat.schema ?? { type: 'object' }) as Record<string, unknown>;
  return JSON.stringify(smallestValue(schema, WORDS, pseudoRandom(text)));
}

/** Returns a function that waits before each chunk and throws the signal's reason as soon as it aborts. */
function pacer(
  { delayMs, hang }: DemoOptions,
  breakAfter: number | undefined,
  signal: AbortSignal | undefined,
): () => Promise<void> {
  let sent = 0;
  return async () => {
    if (sent === breakAfter) throw connectionReset();
    if (hang && sent > 0) await waitForAbort(signal);
    // An aborted timer rejects with its own error; the signal's reason is thrown below.
    if (delayMs > 0) await setTimeout(delayMs, undefined, signal && { signal }).catch(() => undefined);
    else if (sent % CHUNKS_PER_TURN === 0) await setImmediate();
    signal?.throwIfAborted();
    sent += 1;
  };
}

function waitForAbort(signal: AbortSignal | undefined): Promise<never> {
  const never = new Promise<never>(() => undefined);
  return signal ? abortable(never, signal) : never;
}

const tokens = (characters: number): number => Math.ceil(characters / 4);

function usage(input: number, text: number, reasoning: number): LanguageModelV4Usage {
  return {
    inputTokens: { total: tokens(input), noCache: tokens(input), cacheRead: 0, cacheWrite: 0 },
    outputTokens: {
      total: tokens(text) + tokens(reasoning),
      text: tokens(text),
      reasoning: tokens(reasoning),
    },
  };
}

function unavailable(attempt: number, failTimes: number): APICallError {
  return new APICallError({
    message: `The demo model failed attempt ${attempt} of ${failTimes}, as requested by providerOptions.demo.failTimes.`,
    url: 'demo:',
    requestBodyValues: {},
    statusCode: 503,
  });
}

/** The error with which `fetch` ends a body when the connection is reset. */
const connectionReset = (): TypeError =>
  new TypeError('terminated', {
    cause: Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  });
