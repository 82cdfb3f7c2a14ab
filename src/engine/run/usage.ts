import type { EventDraft, ExecutionFailure, ExecutionOptions, ExecutionState } from '@cloutagent/contract';
import { formatUSD, sumUSD } from '../../common/usd.js';
import { tokenCount } from '../models/token-count.js';

/** Computes the cost of tokens in USD; null if the model's price is not known. */
export type PriceOf = (model: string, usage: { input: number; output: number }) => number | null;

/** Makes the events of one model call: an execution's running totals with the usage of the call added. */
export function usageEvents(
  state: ExecutionState,
  nodeId: string,
  model: string,
  used: { input: number; output: number },
  priceOf: PriceOf,
): EventDraft[] {
  const { tokenUsage, modelUsage } = state;
  const added = { input: tokenCount(used.input) ?? 0, output: tokenCount(used.output) ?? 0 };
  const input = tokenUsage.input + added.input;
  const output = tokenUsage.output + added.output;
  const before = (Object.hasOwn(modelUsage, model) && modelUsage[model]) || { input: 0, output: 0 };
  const total = { input: before.input + added.input, output: before.output + added.output };
  const models = { ...modelUsage, [model]: { ...total, costUSD: priceOf(model, total) } };
  const costs = Object.values(models).map((entry) => entry.costUSD);
  const totalCostUSD = costs.some((cost) => cost === null) ? null : sumUSD(costs.map((cost) => cost ?? 0));
  return [
    {
      type: 'execution:token-usage',
      fields: { usage: { input, output, total: input + output }, nodeId, model },
    },
    { type: 'execution:cost-update', fields: { totalCostUSD, modelUsage: models } },
  ];
}

/** Returns the failure of an execution that has exceeded its limit of tokens or cost; undefined if it has not. */
export function exceededLimit(
  { maxTokens, maxCostUSD }: NonNullable<ExecutionOptions['limits']>,
  { tokenUsage, costUSD }: ExecutionState,
): ExecutionFailure | undefined {
  if (maxTokens !== undefined && tokenUsage.total > maxTokens) {
    return {
      code: 'token_limit_exceeded',
      message: `The execution used ${tokenUsage.total} tokens; its limit is ${maxTokens}.`,
    };
  }
  if (maxCostUSD !== undefined && costUSD !== null && costUSD > maxCostUSD) {
    return {
      code: 'cost_limit_exceeded',
      message: `The execution cost ${formatUSD(costUSD)} USD; its limit is ${formatUSD(maxCostUSD)}.`,
    };
  }
  return undefined;
}
