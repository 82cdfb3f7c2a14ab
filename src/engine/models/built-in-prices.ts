import type { ModelPrice } from '../../config/settings.js';

/** Anthropic: reading from the cache costs a tenth of the input, writing to it (for five minutes) a quarter more. */
const anthropic = (input: number, output: number): ModelPrice => ({
  input,
  output,
  cachedRead: input / 10,
  cachedWrite: input * 1.25,
});

/**
 * The prices that the server knows, in USD per million tokens.
 * Source: https://platform.claude.com/docs/en/about-claude/pricing. Date: November 2026.
 */
export const BUILT_IN_PRICES: Readonly<Record<string, ModelPrice>> = {
  'anthropic/claude-fable-5-1': anthropic(10, 50),
  'anthropic/claude-fable-5': anthropic(10, 50),
  'anthropic/claude-opus-5-5': anthropic(4, 20),
  'anthropic/claude-opus-5': anthropic(5, 25),
  'anthropic/claude-opus-4-8': anthropic(5, 25),
  'anthropic/claude-opus-4-7': anthropic(5, 25),
  'anthropic/claude-opus-4-6': anthropic(5, 25),
  'anthropic/claude-opus-4-5': anthropic(5, 25),
  'anthropic/claude-opus-4-1': anthropic(15, 75),
  'anthropic/claude-sonnet-5-5': anthropic(2, 10),
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
