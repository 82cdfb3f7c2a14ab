import type { ExecutionEventOf } from '@cloutagent/contract';
import type { AgUiUsage } from './ag-ui-events.js';
import type { AgUiState } from './ag-ui-state.js';

/** Adds the tokens of a call of a model to those of the run. */
export function countUsage(state: AgUiState, event: ExecutionEventOf<'execution:token-usage'>): void {
  const { model, call, usage } = event;
  // Tokens of child executions come without the calls. What the running total has grown by is theirs.
  const input = call?.input ?? usage.input - state.total.input;
  const output = call?.output ?? usage.output - state.total.output;
  state.total = { input: usage.input, output: usage.output };
  const counted = usageOf(state, model);
  counted.inputTokens += input;
  counted.outputTokens += output;
  counted.totalTokens += input + output;
  if (call?.reasoning !== undefined)
    counted.reasoningTokens = (counted.reasoningTokens ?? 0) + call.reasoning;
  if (!call?.cached) return;
  counted.cachedInputTokens = (counted.cachedInputTokens ?? 0) + call.cached.read;
  counted.cacheWriteInputTokens = (counted.cacheWriteInputTokens ?? 0) + call.cached.written;
}

function usageOf(state: AgUiState, name: string): AgUiUsage {
  const slash = name.indexOf('/');
  const provider = slash > 0 ? name.slice(0, slash) : undefined;
  const model = provider === undefined ? name : name.slice(slash + 1);
  const known = state.usage.find((each) => each.model === model && each.provider === provider);
  if (known) return known;
  const usage: AgUiUsage = {
    ...(provider !== undefined && { provider }),
    model,
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
  };
  state.usage.push(usage);
  return usage;
}
