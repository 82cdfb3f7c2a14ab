import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import type { ModelUsage, ReportedUsage } from '../extension/model-usage.js';
import { tokenCount } from '../models/token-count.js';
import type { Answer } from './answer.js';

/** Reads what a provider reported at the end of its stream. */
export function reportedUsage(usage: LanguageModelV4Usage | undefined): ReportedUsage {
  const { inputTokens, outputTokens } = usage ?? {};
  const read = tokenCount(inputTokens?.cacheRead) ?? 0;
  const written = tokenCount(inputTokens?.cacheWrite) ?? 0;
  const reasoning = tokenCount(outputTokens?.reasoning);
  return {
    input: tokenCount(inputTokens?.total),
    output: tokenCount(outputTokens?.total),
    ...((read > 0 || written > 0) && { cached: { read, written } }),
    ...(reasoning && { reasoning }),
  };
}

/**
 * Returns the usage of a whole answer. A count that the provider did not report, or that cannot be true, is estimated: four
 * characters are a token.
 * @param seen what was seen in the stream. It comes before what the AI SDK gives, which has 0 for what it does not know.
 * @param promptCharacters the length of the prompt
 */
export function usageOf(
  { usage, finishReason, characters }: Answer,
  seen: ReportedUsage | undefined,
  promptCharacters: () => number,
): ModelUsage {
  const estimate = (length: number) => Math.ceil(length / 4);
  const known = seen ?? usage;
  return {
    ...known,
    input: known.input || estimate(promptCharacters()),
    output: known.output || estimate(characters),
    finishReason: finishReason ?? 'other',
    ...(isCutOff(finishReason) && { incomplete: true }),
  };
}

/** Whether the reason for which a model stopped means that its answer is not whole. */
export const isCutOff = (finishReason: string | undefined): boolean =>
  finishReason === undefined || ['length', 'content-filter', 'error', 'interrupted'].includes(finishReason);
