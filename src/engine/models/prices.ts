import { Inject, Injectable, Optional } from '@nestjs/common';
import { Settings } from '../../config/settings.js';
import { roundUSD } from '../../common/usd.js';

/** USD per million tokens. */
interface Price {
  readonly input: number;
  readonly output: number;
}

/** Prices by model, such as `{ 'acme/large': { input: 2, output: 8 } }`, in USD per million tokens. */
export type Prices = Readonly<Record<string, Price>>;
/** Injection token of the prices that the code that makes the application adds. */
export const Prices = Symbol('Prices');

/**
 * Built-in prices, from https://platform.claude.com/docs/en/about-claude/pricing, November 2026. The option `prices` adds
 * prices and overrides these, and the setting MODEL_PRICES overrides both. Cached input counts as ordinary input. In calls with a prompt of more than 100,000
 * tokens Haiku 5.5 costs five times as much; running totals do not show the size of one call, so this is not considered.
 */
const BUILT_IN: Prices = {
  'anthropic/claude-fable-5-1': { input: 10, output: 50 },
  'anthropic/claude-fable-5': { input: 10, output: 50 },
  'anthropic/claude-opus-5-5': { input: 4, output: 20 },
  'anthropic/claude-opus-5': { input: 5, output: 25 },
  'anthropic/claude-opus-4-8': { input: 5, output: 25 },
  'anthropic/claude-opus-4-7': { input: 5, output: 25 },
  'anthropic/claude-opus-4-6': { input: 5, output: 25 },
  'anthropic/claude-opus-4-5': { input: 5, output: 25 },
  'anthropic/claude-opus-4-1': { input: 15, output: 75 },
  'anthropic/claude-sonnet-5-5': { input: 2, output: 10 },
  'anthropic/claude-sonnet-5': { input: 2, output: 10 },
  'anthropic/claude-sonnet-4-6': { input: 3, output: 15 },
  'anthropic/claude-sonnet-4-5': { input: 3, output: 15 },
  'anthropic/claude-haiku-5-5': { input: 0.1, output: 0.5 },
  'anthropic/claude-haiku-4-5': { input: 1, output: 5 },
};
const FREE: Price = { input: 0, output: 0 };

/** The prices of models. */
@Injectable()
export class PriceTable {
  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_PRICES'>,
    @Optional() @Inject(Prices) private readonly given: Prices = {},
  ) {}

  /** Whether the model's price is known. Without it a limit on cost cannot be enforced. */
  knows(model: string): boolean {
    return this.find(model) !== undefined;
  }

  /** Computes the cost in USD; null if the model's price is not known. */
  costUSD(model: string, usage: { input: number; output: number }): number | null {
    const price = this.find(model);
    if (!price) return null;
    return roundUSD((usage.input * price.input + usage.output * price.output) / 1e6);
  }

  private find(model: string): Price | undefined {
    for (const prices of [this.settings.MODEL_PRICES, this.given])
      if (Object.hasOwn(prices, model)) return prices[model];
    if (model.startsWith('demo/')) return FREE;
    // A dated snapshot, such as claude-haiku-4-5-20251001, has the price of its model.
    const undated = model.replace(/-20\d{6}$/, '');
    return Object.hasOwn(BUILT_IN, undated) ? BUILT_IN[undated] : undefined;
  }
}
