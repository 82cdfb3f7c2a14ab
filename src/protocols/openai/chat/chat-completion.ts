import type { TokenUsage } from '@cloutagent/contract';
import { ProblemError } from '../../../problems/problem.error.js';
import { executionIdOf } from '../response-id.js';
import { answerOf, type ResponseState } from '../responses/response-state.js';

/** Returns the id of the chat completion that an execution is. */
export const completionIdOf = (executionId: string): string => `chatcmpl_${executionId}`;

/** Returns the usage in the form of chat completions. */
export const chatUsage = ({ input, output, total }: TokenUsage) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: total,
});

/** The reasons for which OpenAI ends an answer, by those of the Responses API. */
export const FINISH_REASONS = { max_output_tokens: 'length', content_filter: 'content_filter' } as const;

/**
 * Returns an ended response as a chat completion.
 * @throws ProblemError 422 `execution_not_completed` if it has failed or was cancelled: a completion has no status for that
 */
export function chatCompletion(state: ResponseState) {
  const { base, status, error, cutBy, usage } = state;
  if (status === 'failed' || status === 'cancelled')
    throw new ProblemError(
      'execution_not_completed',
      error ? `The execution has failed (${error.code}): ${error.message}` : 'The execution was cancelled.',
    );
  return {
    id: completionIdOf(executionIdOf(base.id)),
    object: 'chat.completion' as const,
    created: base.created_at,
    model: base.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant' as const, content: answerOf(state), refusal: null },
        logprobs: null,
        finish_reason: cutBy === null ? ('stop' as const) : FINISH_REASONS[cutBy],
      },
    ],
    usage: chatUsage(usage ?? { input: 0, output: 0, total: 0 }),
  };
}
