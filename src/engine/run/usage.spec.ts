import { applyEvent, type ExecutionEvent, type ExecutionState, initialState } from '@cloutagent/contract';
import { exceededLimit, usageEvents } from './usage.js';
import { formatUSD, sumUSD } from '../../common/usd.js';

const PRICES: Record<string, number> = { a: 0.1, b: 0.2, tiny: 1e-9 };
const count = (state: ExecutionState, model: string, used = { input: 1, output: 0 }): ExecutionState => {
  const price = PRICES[model];
  const drafts = usageEvents(state, [{ nodeId: 'node', model, ...used }], (_name, { input }) =>
    price === undefined ? null : sumUSD(Array.from({ length: input }, () => price)),
  );
  for (const { type, fields } of drafts)
    applyEvent(state, { type, sequence: 1, executionId: '', timestamp: '', ...fields } as ExecutionEvent);
  return state;
};

it('adds up costs without binary fractions', () => {
  const state = count(count(initialState(), 'a'), 'b');
  expect(state.costUSD).toBe(0.3);
  expect(exceededLimit({ maxCostUSD: 0.3 }, state)).toBeUndefined();
  expect(exceededLimit({ maxCostUSD: 0.29 }, state)?.message).toBe(
    'The execution cost 0.3 USD; its limit is 0.29.',
  );
});

it('writes small amounts of money without an exponent', () => {
  const failure = exceededLimit({ maxCostUSD: 1e-9 }, count(initialState(), 'tiny', { input: 2, output: 0 }));
  expect(failure?.message).toBe('The execution cost 0.000000002 USD; its limit is 0.000000001.');
  expect([formatUSD(12), formatUSD(100), formatUSD(0), formatUSD(1.5)]).toEqual(['12', '100', '0', '1.5']);
});

it('reports an unknown cost if one price is not known', () => {
  expect(count(count(initialState(), 'a'), 'unknown').costUSD).toBeNull();
});

it('adds up only valid token counts, whatever a node reports', () => {
  const state = initialState();
  for (const used of [
    { input: -500_000, output: 600_000 },
    { input: 10.5, output: 2.25 },
    { input: 1e300, output: Number.NaN },
  ])
    count(state, 'a', used);
  expect(state.tokenUsage).toEqual({ input: 11, output: 600_003, total: 600_014 });
});

it('counts models separately whose names are members of Object.prototype', () => {
  const state = initialState();
  for (const model of ['__proto__', 'constructor', '__proto__']) count(state, model);
  expect(state.tokenUsage.input).toBe(3);
  expect(Object.entries(state.modelUsage).map(([model, { input }]) => [model, input])).toEqual([
    ['__proto__', 2],
    ['constructor', 1],
  ]);
});

it('adds the sums of children as they are, with the cost that the children have computed', () => {
  const calls = [{ nodeId: 'map', model: 'a', input: 3_000_000_000, output: 5, costUSD: 0.7 }];
  const [tokens, cost] = usageEvents(initialState(), calls, () => 99, { ofChildren: true });
  expect(tokens!.fields).toEqual({
    usage: { input: 3_000_000_000, output: 5, total: 3_000_000_005 },
    nodeId: 'map',
    model: 'a',
    ofChildren: true,
  });
  expect(cost!.fields).toMatchObject({ totalCostUSD: 0.7, ofChildren: true });
});
