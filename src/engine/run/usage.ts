import type { EventDraft, ExecutionFailure, ExecutionOptions, ExecutionState } from '@cloutagent/contract';
import { formatUSD, sumUSD } from '../../common/usd.js';
import type { ModelUsage } from '../extension/model-usage.js';
import { type CallTokens, countedTokens } from '../models/token-count.js';

/**
 * Computes the cost of one call in USD; null if the model's price is not known.
 * @param options `isSum`: the tokens are those of several calls, so their number does not make a long prompt
 */
export type PriceOf = (model: string, call: CallTokens, options?: { isSum?: boolean }) => number | null;

/** Adds costs; null if one of them is not known. */
export const totalCostUSD = (costs: readonly (number | null)[]): number | null =>
  costs.includes(null) ? null : sumUSD(costs.map((cost) => cost ?? 0));

/** The tokens that a node has used of a model. */
export interface NodeUsage extends ModelUsage {
  nodeId: string;
  model: string;
  /** The cost, if child executions have computed it. */
  costUSD?: number | null;
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
  const events = calls.map(({ nodeId, model, costUSD: known, ...used }): EventDraft => {
    // Each call of a child has been checked, and their sums may be larger than any call.
    const tokens = ofChildren ? { input: used.input, output: used.output } : countedTokens(used);
    input += tokens.input;
    output += tokens.output;
    const before = (Object.hasOwn(models, model) && models[model]) || { input: 0, output: 0, costUSD: 0 };
    const costUSD = totalCostUSD([before.costUSD, known === undefined ? priceOf(model, tokens) : known]);
    const total = { input: before.input + tokens.input, output: before.output + tokens.output, costUSD };
    models = { ...models, [model]: total };
    const usage = { input, output, total: input + output };
    const call = !ofChildren && { call: { ...tokens, ...endOf(used) } };
    return { type: 'execution:token-usage', fields: { usage, nodeId, model, ...call, ...origin } };
  });
  if (events.length === 0) return [];
  const costUSD = totalCostUSD(Object.values(models).map((entry) => entry.costUSD));
  return [
    ...events,
    { type: 'execution:cost-update', fields: { totalCostUSD: costUSD, modelUsage: models, ...origin } },
  ];
}

const endOf = ({ finishReason, incomplete }: ModelUsage) => ({
  ...(finishReason !== undefined && { finishReason }),
  ...(incomplete && { incomplete }),
});

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
  if (maxCostUSD === undefined) return undefined;
  if (costUSD === null) return unknownCost(`${subject} used a model`);
  if (costUSD > maxCostUSD) {
    return {
      code: 'cost_limit_exceeded',
      message: `${subject} cost ${formatUSD(costUSD)} USD; ${isTree ? 'their' : 'its'} limit is ${formatUSD(maxCostUSD)}.`,
    };
  }
  return undefined;
}

/** The failure of an execution with a limit of cost when a price is not known. @param what the beginning of the sentence */
export const unknownCost = (what: string): ExecutionFailure => ({
  code: 'cost_unknown',
  message: `${what} whose price is not known, so the limit maxCostUSD cannot be kept. Add the price to MODEL_PRICES, or leave maxCostUSD out.`,
});
