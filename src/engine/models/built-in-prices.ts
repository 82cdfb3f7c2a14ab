import type { ModelPrice } from '../../config/settings.js';

/**
 * Anthropic: writing to the cache (for five minutes) costs a quarter more than the input. Reading from it costs a tenth of the
 * input; newer models have a lower price.
 */
const anthropic = (input: number, output: number, cachedRead = input / 10): ModelPrice => ({
  input,
  output,
  cachedRead,
  cachedWrite: input * 1.25,
});

/**
 * The prices that the server knows, in USD per million tokens.
 * Source: https://platform.claude.com/docs/en/about-claude/pricing. Date: November 2026.
 */
export const BUILT_IN_PRICES: Readonly<Record<string, ModelPrice>> = {
  'anthropic/claude-fable-5-1': anthropic(10, 50, 0.25),
  'anthropic/claude-fable-5': anthropic(10, 50),
  'anthropic/claude-opus-5-5': anthropic(4, 20, 0.2),
  'anthropic/claude-opus-5': anthropic(5, 25),
  'anthropic/claude-opus-4-8': anthropic(5, 25),
  'anthropic/claude-opus-4-7': anthropic(5, 25),
  'anthropic/claude-opus-4-6': anthropic(5, 25),
  'anthropic/claude-opus-4-5': anthropic(5, 25),
  'anthropic/claude-opus-4-1': anthropic(15, 75),
  // Since 2026-10-07; before, a read from the cache cost 0.2.
  'anthropic/claude-sonnet-5-5': anthropic(2, 10, 0.1),
  'anthropic/claude-sonnet-5': anthropic(2, 10),
  'anthropic/claude-sonnet-4-6': anthropic(3, 15),
  'anthropic/claude-sonnet-4-5': anthropic(3, 15),
  // With a prompt of more than 100,000 tokens, a call costs five times as much.
  'anthropic/claude-haiku-5-5': {
    ...anthropic(0.1, 0.5),
    longPrompt: { above: 100_000, ...anthropic(0.5, 2.5) },
  },
  'anthropic/claude-haiku-4-5': anthropic(1, 5),
};
