import { Inject, Injectable } from '@nestjs/common';
import { Settings } from '../../config/settings.js';

interface Price {
  input: number;
  output: number;
}

/** USD per million tokens, from https://docs.claude.com/en/docs/about-claude/pricing; MODEL_PRICES adds and overrides. */
const PRICES: Record<string, Price> = {
  'anthropic/claude-opus-4-1': { input: 15, output: 75 },
  'anthropic/claude-opus-4-5': { input: 5, output: 25 },
  'anthropic/claude-sonnet-4-0': { input: 3, output: 15 },
  'anthropic/claude-sonnet-4-5': { input: 3, output: 15 },
  'anthropic/claude-haiku-4-5': { input: 1, output: 5 },
};
const FREE: Price = { input: 0, output: 0 };

/** What models cost. */
@Injectable()
export class PriceTable {
  constructor(@Inject(Settings) private readonly settings: Pick<Settings, 'MODEL_PRICES'>) {}

  /** Whether a price is known; a limit on cost can only be kept if it is. */
  knows(model: string): boolean {
    return this.find(model) !== undefined;
  }

  /** USD; null when the model's price is not known. */
  costUSD(model: string, usage: { input: number; output: number }): number | null {
    const price = this.find(model);
    if (!price) return null;
    // Rounded to a billionth: binary fractions would show.
    return Math.round(1e3 * (usage.input * price.input + usage.output * price.output)) / 1e9;
  }

  private find(model: string): Price | undefined {
    if (Object.hasOwn(this.settings.MODEL_PRICES, model)) return this.settings.MODEL_PRICES[model];
    if (model.startsWith('demo/')) return FREE;
    // Dated snapshots cost what their model costs: claude-sonnet-4-5-20250929.
    const undated = model.replace(/-\d{8}$/, '');
    return Object.hasOwn(PRICES, undated) ? PRICES[undated] : undefined;
  }
}
