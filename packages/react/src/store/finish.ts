import type { Step } from '@cloutagent/contract';

/** Reasons for which a model ends an answer early itself. Its provider has then reported all tokens. */
const CUT_OFF_BY_MODEL = new Set(['length', 'content-filter']);

/** Whether tokens of a step or a call may be missing, because its last answer may have broken off. */
export const mayMissTokens = ({
  incomplete,
  finishReason,
}: Pick<Step, 'incomplete' | 'finishReason'>): boolean =>
  incomplete === true && !CUT_OFF_BY_MODEL.has(finishReason ?? '');

/** Says in a sentence that the last answer of a step is not whole. @returns undefined if it is */
export function incompleteText(
  step: Pick<Step, 'status' | 'incomplete' | 'finishReason'>,
): string | undefined {
  const { status, incomplete, finishReason } = step;
  if (!incomplete) return undefined;
  const isKnown = finishReason !== undefined && finishReason !== 'other';
  if (status === 'completed' || !mayMissTokens(step))
    return isKnown
      ? `The answer was cut off: ${finishReason}.`
      : 'The answer was cut off for an unknown reason.';
  const reason = isKnown ? ` (${finishReason})` : '';
  return `An answer of the model may have broken off${reason}, so some of its tokens may not be counted.`;
}
