import { initialState } from '@cloutagent/contract';
import type { ChildExecutions, TreeModelUsage } from '../children/child-executions.js';
import type { ExecutionRow } from '../execution-row.js';
import { PriceTable } from '../models/prices.js';
import type { ExecutionLog } from './execution-log.js';
import { ExecutionLimits } from './execution-limits.js';

const prices = new PriceTable({ MODEL_PRICES: {}, MODEL_ENDPOINTS: {} });
const HAIKU = 'anthropic/claude-haiku-5-5';
const NOTHING = { input: 0, output: 0 };

function limitsOf(maxCostUSD: number, used: TreeModelUsage[], rootId: string | null = 'root') {
  const limits = { maxCostUSD };
  return new ExecutionLimits(
    { id: 'child', root_id: rootId, options: rootId === null ? { limits } : {} } as ExecutionRow,
    { state: initialState() } as ExecutionLog,
    {
      treeUsage: () => Promise.resolve(used),
      treeLimits: () => Promise.resolve(limits),
    } as unknown as ChildExecutions,
    (model, call, options) => prices.costUSD(model, call, options),
    false,
    new AbortController().signal,
  );
}

describe('the limit of cost of a tree', () => {
  it('prices the tokens of an earlier release as those of many calls, and adds the costs of the others', async () => {
    // 300,000 tokens of short prompts for 0.03 USD, and calls that have cost 0.07 USD.
    const used: TreeModelUsage = {
      model: HAIKU,
      input: 900_000,
      output: 0,
      costUSD: 0.07,
      unpriced: { input: 300_000, output: 0 },
    };
    expect(await limitsOf(0.1, [used]).exceeded()).toBeUndefined();
    expect(await limitsOf(0.0999, [used]).exceeded()).toMatchObject({ code: 'cost_limit_exceeded' });
  });

  it('cannot be kept when a part of the tree has used a model of unknown price', async () => {
    const known: TreeModelUsage = { model: HAIKU, input: 1, output: 1, costUSD: 0.1, unpriced: NOTHING };
    const unknown: TreeModelUsage = {
      model: 'acme/x',
      input: 1,
      output: 1,
      costUSD: 0,
      unpriced: { input: 1, output: 1 },
    };
    expect(await limitsOf(1, [known, unknown]).exceeded()).toMatchObject({ code: 'cost_unknown' });
    expect(await limitsOf(1, [known]).exceeded()).toBeUndefined();
  });

  it.each([
    ['the root of the tree', 'root'],
    ['the execution itself', null],
  ])('refuses the next model if its price is not known, and %s limits the cost', async (_what, rootId) => {
    const limits = limitsOf(1, [], rootId);
    expect(await limits.exceeded('acme/x')).toMatchObject({ code: 'cost_unknown' });
    expect(await limits.exceeded(HAIKU)).toBeUndefined();
  });
});

it('counts a call towards its tree with the cost of this call', () => {
  const usage = { input: 200_000, output: 0 };
  const entry = { rootId: 'root', model: HAIKU, ...usage };
  expect(limitsOf(1, []).treeChange(HAIKU, usage)).toEqual({ treeUsage: [{ ...entry, costUSD: 0.1 }] });
  expect(limitsOf(1, []).treeChange('acme/x', usage)).toEqual({
    treeUsage: [{ ...entry, model: 'acme/x', costUSD: null }],
  });
  expect(limitsOf(1, [], null).treeChange(HAIKU, usage)).toBeUndefined();
});
