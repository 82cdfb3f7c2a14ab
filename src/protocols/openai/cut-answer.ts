import type { ExecutionEventOf } from '@cloutagent/contract';

/** Returns why the answer of a completed step is not whole, as OpenAI names it; null if it is whole. */
export function cutBy({
  finishReason,
  incomplete,
}: ExecutionEventOf<'execution:step'>): 'max_output_tokens' | 'content_filter' | null {
  if (finishReason === 'content-filter') return 'content_filter';
  return finishReason === 'length' || incomplete === true ? 'max_output_tokens' : null;
}
