import type { EventDraft, ExecutionFailure, ExecutionOptions, ExecutionState } from '@cloutagent/contract';
import { formatUSD, sumUSD } from '../../common/usd.js';
import { tokenCount } from '../models/token-count.js';

/** Computes the cost of tokens in USD; null if the model's price is not known. */
export type PriceOf = (model: string, usage: { input: number; output: number }) => number | null;

/** Adds costs; null if one of them is not known. */
export const totalCostUSD = (costs: readonly (number | null)[]): number | null =>
  costs.includes(null) ? null : sumUSD(costs.map((cost) => cost ?? 0));

/** Returns the tokens of one call as they count: what is not a token count is 0. */
export const countedTokens = ({ input, output }: { input: number; output: number }) => ({
  input: tokenCount(input) ?? 0,
  output: tokenCount(output) ?? 0,
});

/** Tokens that a node has used of a model. */
export interface NodeUsage {
  nodeId: string;
  model: string;
  input: number;
  output: number;
  cached?: { read: number; written: number } | undefined;
  reasoning?: number | undefined;
  finishReason?: string | undefined;
  incomplete?: boolean | undefined;
}

/**
 * Makes the events of model calls: an execution's running totals with the usage of the calls added.
 * @param calls the usage of each call, or of all calls of a model by child executions
 */
export function usageEvents(
  state: Pick<ExecutionState, 'tokenUsage' | 'modelUsage'>,
  calls: readonly NodeUsage[],
  priceOf: PriceOf,
  { ofChildren = false } = {},
): EventDraft[] {
  const origin = ofChildren && { ofChildren };
  let { input, output } = state.tokenUsage;
  let models = state.modelUsage;
  const events = calls.map(({ nodeId, model, ...used }): EventDraft => {
    const added = countedTokens(used);
    input += added.input;
    output += added.output;
    const before = (Object.hasOwn(models, model) && models[model]) || { input: 0, output: 0 };
    const total = { input: before.input + added.input, output: before.output + added.output };
    models = { ...models, [model]: { ...total, costUSD: priceOf(model, total) } };
    const usage = { input, output, total: input + output };
    return { type: 'execution:token-usage', fields: { usage, nodeId, model, ...origin } };
  });
  if (events.length === 0) return [];
  const costUSD = totalCostUSD(Object.values(models).map((entry) => entry.costUSD));
  return [
    ...events,
    { type: 'execution:cost-update', fields: { totalCostUSD: costUSD, modelUsage: models, ...origin } },
  ];
}

/**
 * Returns the failure of an execution that has exceeded its limit of tokens or cost; undefined if it has not.
 * @param options `isTree`: the usage is that of a tree of executions
 */
export function exceededLimit(
  { maxTokens, maxCostUSD }: NonNullable<ExecutionOptions['limits']>,
  { tokenUsage, costUSD }: { tokenUsage: { total: number }; costUSD: number | null },
  { isTree = false } = {},
): ExecutionFailure | undefined {
  const subject = isTree ? 'The execution and the others of its tree' : 'The execution';
  if (maxTokens !== undefined && tokenUsage.total > maxTokens) {
    return {
      code: 'token_limit_exceeded',
      message: `${subject} used ${tokenUsage.total} tokens; ${isTree ? 'their' : 'its'} limit is ${maxTokens}.`,
    };
  }
  if (maxCostUSD !== undefined && costUSD !== null && costUSD > maxCostUSD) {
    return {
      code: 'cost_limit_exceeded',
      message: `${subject} cost ${formatUSD(costUSD)} USD; ${isTree ? 'their' : 'its'} limit is ${formatUSD(maxCostUSD)}.`,
    };
  }
  return undefined;
}
