/** More tokens than any call can use. Numbers can still add up a thousand such calls exactly. */
const MAX_TOKENS = 1e12;

/**
 * Reads a number of tokens as a provider reports it. Fractions are rounded up.
 * @returns undefined if the value cannot be a number of tokens: negative, larger than any call can use, or no number
 */
export function tokenCount(reported: number | undefined): number | undefined {
  const isPossible = reported !== undefined && reported >= 0 && reported <= MAX_TOKENS;
  return isPossible ? Math.ceil(reported) : undefined;
}
