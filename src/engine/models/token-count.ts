import type { ModelUsage } from '../extension/model-usage.js';

/** More tokens than any call can use. Numbers can still add up millions of such calls, and their cost, exactly. */
const MAX_TOKENS = 1e9;

/**
 * Reads a number of tokens as a provider reports it. Fractions are rounded up.
 * @returns undefined if the value cannot be a number of tokens: negative, larger than any call can use, or no number
 */
export function tokenCount(reported: number | undefined): number | undefined {
  const isPossible = reported !== undefined && reported >= 0 && reported <= MAX_TOKENS;
  return isPossible ? Math.ceil(reported) : undefined;
}

/** The tokens of one call of a model, checked: whole numbers, of which the parts are not larger than the whole. */
export interface CallTokens {
  readonly input: number;
  readonly output: number;
  /** Those of `input` that were read from the provider's cache, or written to it. */
  readonly cached?: { readonly read: number; readonly written: number };
  /** Those of `output` that are reasoning. */
  readonly reasoning?: number;
}

/**
 * Returns the tokens of one call as they count. What is not a number of tokens is 0. When the cached tokens are more than the
 * whole input, the written ones count first: they are the dearer ones, and a wrong report must not make a call cheaper.
 */
export function countedTokens(usage: ModelUsage): CallTokens {
  const input = tokenCount(usage.input) ?? 0;
  const output = tokenCount(usage.output) ?? 0;
  const written = Math.min(tokenCount(usage.cached?.written) ?? 0, input);
  const read = Math.min(tokenCount(usage.cached?.read) ?? 0, input - written);
  const reasoning = Math.min(tokenCount(usage.reasoning) ?? 0, output);
  return {
    input,
    output,
    ...((read > 0 || written > 0) && { cached: { read, written } }),
    ...(reasoning > 0 && { reasoning }),
  };
}
