import { Inject, Injectable, Optional } from '@nestjs/common';
import { type ModelPrice, Settings } from '../../config/settings.js';
import { roundUSD } from '../../common/usd.js';
import { BUILT_IN_PRICES } from './built-in-prices.js';
import type { CallTokens } from './token-count.js';

/** Prices by model, such as `{ 'acme/large': { input: 2, output: 8 } }`, in USD per million tokens. */
export type Prices = Readonly<Record<string, ModelPrice>>;
/** Injection token of the prices that the code that makes the application adds. */
export const Prices = Symbol('Prices');

const FREE: ModelPrice = { input: 0, output: 0 };

/**
 * The prices of models. MODEL_PRICES comes before the option `prices`, and these before the prices of MODEL_ENDPOINTS and the
 * built-in ones. A price replaces another one as a whole.
 */
@Injectable()
export class PriceTable {
  constructor(
    @Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_PRICES' | 'MODEL_ENDPOINTS'>,
    @Optional() @Inject(Prices) private readonly given: Prices = {},
  ) {}

  /** Whether the model's price is known. Without it a limit on cost cannot be enforced. */
  knows(model: string): boolean {
    return this.find(model) !== undefined;
  }

  /**
   * Computes the cost of one call in USD; null if the model's price is not known.
   * @param options `isSum`: the tokens are those of several calls, so their number does not make a long prompt
   */
  costUSD(
    model: string,
    { input, output, cached = NOT_CACHED, reasoning = 0 }: CallTokens,
    { isSum = false } = {},
  ): number | null {
    const price = this.find(model);
    if (!price) return null;
    const { longPrompt } = price;
    const rate = longPrompt && !isSum && input > longPrompt.above ? longPrompt : price;
    const millionths =
      (input - cached.read - cached.written) * rate.input +
      cached.read * (rate.cachedRead ?? rate.input) +
      cached.written * (rate.cachedWrite ?? rate.input) +
      (output - reasoning) * rate.output +
      reasoning * (rate.reasoning ?? rate.output);
    return roundUSD(millionths / 1e6);
  }

  private find(model: string): ModelPrice | undefined {
    for (const prices of [this.settings.MODEL_PRICES, this.given])
      if (Object.hasOwn(prices, model)) return prices[model];
    const [provider = '', ...id] = model.split('/');
    const ofEndpoint = Object.hasOwn(this.settings.MODEL_ENDPOINTS, provider)
      ? this.settings.MODEL_ENDPOINTS[provider]?.prices
      : undefined;
    const name = id.join('/');
    if (ofEndpoint && Object.hasOwn(ofEndpoint, name)) return ofEndpoint[name];
    if (provider === 'demo') return FREE;
    // A dated snapshot, such as claude-haiku-4-5-20251001, has the price of its model.
    const undated = model.replace(/-20\d{6}$/, '');
    return Object.hasOwn(BUILT_IN_PRICES, undated) ? BUILT_IN_PRICES[undated] : undefined;
  }
}

const NOT_CACHED = { read: 0, written: 0 };
