import { PriceTable } from './prices.js';

const table = new PriceTable({
  MODEL_ENDPOINTS: { box: { baseUrl: 'http://127.0.0.1:1/v1', prices: { 'a/b': { input: 1, output: 2 } } } },
  MODEL_PRICES: {
    'openai-compatible/mine': { input: 0.5, output: 1.5 },
    'anthropic/claude-haiku-4-5': { input: 2, output: 2 },
  },
});

it.each<[string, number | null]>([
  ['anthropic/claude-sonnet-5-5', 12],
  ['anthropic/claude-opus-4-5-20251101', 30],
  ['anthropic/claude-haiku-4-5', 4],
  ['openai-compatible/mine', 2],
  ['box/a/b', 3],
  ['box/other', null],
  ['demo/anything', 0],
  ['openai-compatible/other', null],
  ['anthropic/claude-unheard-of', null],
  ['constructor', null],
])('prices a million input and a million output tokens of %s at %p USD', (model, cost) => {
  expect(table.costUSD(model, { input: 1_000_000, output: 1_000_000 })).toBe(cost);
  expect(table.knows(model)).toBe(cost !== null);
});

it.each([
  ['anthropic/claude-fable-5-1', 0.25],
  ['anthropic/claude-opus-5-5', 0.2],
  ['anthropic/claude-opus-5', 0.5],
  ['anthropic/claude-sonnet-5-5', 0.1],
  ['anthropic/claude-sonnet-4-5', 0.3],
  ['anthropic/claude-haiku-5-5', 0.05],
])('prices a million tokens that %s reads from the cache at %p USD', (model, cost) => {
  const cached = { read: 1_000_000, written: 0 };
  expect(table.costUSD(model, { input: 1_000_000, output: 0, cached })).toBe(cost);
});

it('takes the price of long prompts for a call that is long, not for a sum of calls', () => {
  const model = 'anthropic/claude-haiku-5-5';
  const cost = (input: number, options?: { isSum: boolean }) =>
    table.costUSD(model, { input, output: 0 }, options);
  expect([cost(100_000), cost(100_001), cost(300_000, { isSum: true })]).toEqual([0.01, 0.0500005, 0.03]);
});

it('rounds costs to whole billionths of a dollar', () => {
  expect(table.costUSD('anthropic/claude-sonnet-4-5', { input: 1, output: 7 })).toBe(0.000108);
});
