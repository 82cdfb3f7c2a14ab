import { setImmediate, setTimeout } from 'node:timers/promises';
import {
  APICallError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4GenerateResult,
  type LanguageModelV4Prompt,
  type LanguageModelV4StreamPart,
  type LanguageModelV4StreamResult,
  type LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { abortable } from '../../../common/abortable.js';
import { answerWords, inChunks } from './demo-answer.js';
import { DemoOptions } from './demo-options.js';

const DEFAULT_CHUNKS = 40;
/** Chunks that are sent without a delay in one turn of the event loop. */
const CHUNKS_PER_TURN = 32;

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
    if (attempt <= options.failTimes) throw unavailable(attempt, options.failTimes);
    const parts = answer(call, options);
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

async function* answer(
  call: LanguageModelV4CallOptions,
  options: DemoOptions,
): AsyncGenerator<LanguageModelV4StreamPart> {
  const prompt = textOf(call.prompt);
  const waitForTurn = pacer(options, call.abortSignal);
  let thinking = 0;
  let text = 0;
  yield { type: 'stream-start', warnings: [] };

  if (options.thinking > 0) {
    yield { type: 'reasoning-start', id: 'thinking' };
    for (const delta of inChunks(answerWords(`think ${prompt}`, options.thinking), options.thinking)) {
      await waitForTurn();
      thinking += delta.length;
      yield { type: 'reasoning-delta', id: 'thinking', delta };
    }
    yield { type: 'reasoning-end', id: 'thinking' };
  }

  const { toolCall } = options;
  const calledTool = toolCall && call.prompt.at(-1)?.role !== 'tool' ? toolCall : null;
  if (calledTool) {
    await waitForTurn();
    const input = JSON.stringify(calledTool.args);
    text += input.length;
    yield { type: 'tool-call', toolCallId: `call_${call.prompt.length}`, toolName: calledTool.name, input };
  } else {
    yield { type: 'text-start', id: 'answer' };
    for (const delta of answerChunks(prompt, options)) {
      await waitForTurn();
      text += delta.length;
      yield { type: 'text-delta', id: 'answer', delta };
    }
    yield { type: 'text-end', id: 'answer' };
  }
  yield {
    type: 'finish',
    finishReason: { unified: calledTool ? 'tool-calls' : 'stop', raw: undefined },
    usage: usage(prompt.length, text, thinking),
  };
}

function answerChunks(prompt: string, { text, chunks }: DemoOptions): Iterable<string> {
  if (text === undefined) return inChunks(answerWords(prompt, chunks ?? 0), chunks ?? DEFAULT_CHUNKS);
  const characters = Array.from(text);
  return inChunks(characters, Math.min(chunks ?? DEFAULT_CHUNKS, characters.length));
}

/** Returns a function that waits before each chunk and throws the signal's reason as soon as it aborts. */
function pacer({ delayMs, hang }: DemoOptions, signal: AbortSignal | undefined): () => Promise<void> {
  let sent = 0;
  return async () => {
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

function textOf(prompt: LanguageModelV4Prompt): string {
  const texts = prompt.flatMap(({ content }) =>
    typeof content === 'string'
      ? [content]
      : content.map((part) => ('text' in part ? part.text : JSON.stringify(part))),
  );
  return texts.join('\n');
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
