import type { TokenUsage } from '@cloutagent/contract';

/** Returns the id of the chat completion that an execution is. */
export const completionIdOf = (executionId: string): string => `chatcmpl_${executionId}`;

/** Returns the usage in the form of chat completions. */
export const chatUsage = ({ input, output, total }: TokenUsage) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: total,
});
