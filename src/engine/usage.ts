import type { EventDraft, ExecutionFailure, ExecutionOptions, ExecutionState } from '@cloutagent/contract';

/** Prices tokens; null when a model's price is not known. */
export type PriceOf = (model: string, usage: { input: number; output: number }) => number | null;

/** What one model call of a node adds to an execution's running totals. */
export function usageEvents(
  state: ExecutionState,
  nodeId: string,
  model: string,
  used: { input: number; output: number },
  priceOf: PriceOf,
): EventDraft[] {
  const { tokenUsage, modelUsage } = state;
  const input = tokenUsage.input + used.input;
  const output = tokenUsage.output + used.output;
  const before = modelUsage[model] ?? { input: 0, output: 0 };
  const total = { input: before.input + used.input, output: before.output + used.output };
  const models = { ...modelUsage, [model]: { ...total, costUSD: priceOf(model, total) } };
  const costs = Object.values(models).map((entry) => entry.costUSD);
  const totalCostUSD = costs.some((cost) => cost === null)
    ? null
    : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0);
  return [
    {
      type: 'execution:token-usage',
      fields: { usage: { input, output, total: input + output }, nodeId, model },
    },
    { type: 'execution:cost-update', fields: { totalCostUSD, modelUsage: models } },
  ];
}

/** The failure of an execution that has used more than it may. */
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
      message: `The execution cost ${costUSD} USD; its limit is ${maxCostUSD}.`,
    };
  }
  return undefined;
}
