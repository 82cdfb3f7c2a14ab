import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider';
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type ModelProvider, ProvidesModels } from './model-provider.js';

/** `providerOptions.demo`. */
export const DemoOptions = z.strictObject({
  /** Chunks of text streamed. */
  chunks: z.int().min(1).max(100_000).default(40),
  /** Wait before each chunk, in ms. */
  delayMs: z.int().min(0).max(60_000).default(20),
  /** Chunks of thinking streamed before the text. */
  thinking: z.int().min(0).max(10_000).default(0),
  /** Sends one chunk and then nothing more, until it is aborted. */
  hang: z.boolean().default(false),
});

const WORDS =
  'the stream carries each event in order and no watcher misses one because the journal keeps them all until nobody asks any more while a calm engine works through the graph step by step'.split(
    ' ',
  );

/** A model that needs no network: it streams an answer that depends on nothing but the prompt and the options. */
class DemoModel implements LanguageModelV4 {
  readonly specificationVersion = 'v4';
  readonly provider = 'demo';
  readonly supportedUrls = {};

  constructor(readonly modelId: string) {}

  doGenerate(): never {
    throw new Error('the demo model only streams');
  }

  doStream(options: LanguageModelV4CallOptions): Promise<LanguageModelV4StreamResult> {
    const parts = this.answer(
      promptText(options),
      DemoOptions.parse(options.providerOptions?.['demo'] ?? {}),
      options.abortSignal,
    );
    return Promise.resolve({
      stream: ReadableStream.from(parts) as ReadableStream<LanguageModelV4StreamPart>,
    });
  }

  private async *answer(
    prompt: string,
    options: z.infer<typeof DemoOptions>,
    signal?: AbortSignal,
  ): AsyncGenerator<LanguageModelV4StreamPart> {
    const seed = createHash('sha256').update(prompt).digest();
    let written = 0;
    yield { type: 'stream-start', warnings: [] };
    if (options.thinking > 0) {
      yield { type: 'reasoning-start', id: 'thinking' };
      for (let index = 0; index < options.thinking; index += 1) {
        await pause(options.delayMs, index, signal);
        yield { type: 'reasoning-delta', id: 'thinking', delta: word(seed, index + 7) };
      }
      yield { type: 'reasoning-end', id: 'thinking' };
    }
    yield { type: 'text-start', id: 'text' };
    for (let index = 0; index < options.chunks; index += 1) {
      await pause(options.delayMs, index, signal);
      const delta = index === 0 ? `(${prompt.length} characters) ` : word(seed, index);
      written += delta.length;
      yield { type: 'text-delta', id: 'text', delta };
      if (options.hang) await sleep(2_147_483_647, undefined, signal && { signal });
    }
    yield { type: 'text-end', id: 'text' };
    const [input, output] = [tokens(prompt.length), tokens(written)];
    yield {
      type: 'finish',
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: {
        inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: output, text: output, reasoning: 0 },
      },
    };
  }
}

/** A token is taken to be four characters. */
const tokens = (characters: number): number => Math.ceil(characters / 4);

const word = (seed: Buffer, index: number): string => {
  const text = WORDS[(seed[index % seed.length]! + index * 5) % WORDS.length]!;
  return index % 12 === 11 ? `${text}.\n` : `${text} `;
};

/** Without a delay it still lets others have their turn now and then. */
async function pause(delayMs: number, index: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (delayMs > 0) await sleep(delayMs, undefined, signal && { signal });
  else if (index % 16 === 15) await nextTurn();
}

function promptText(options: LanguageModelV4CallOptions): string {
  return options.prompt
    .map((message) =>
      typeof message.content === 'string'
        ? message.content
        : message.content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    )
    .join('\n');
}

@ProvidesModels('demo')
export class DemoModels implements ModelProvider {
  model(id: string): LanguageModelV4 {
    return new DemoModel(id);
  }

  problem(): null {
    return null;
  }
}
