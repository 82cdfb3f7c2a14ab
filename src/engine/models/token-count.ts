/** More than any call can use; and a thousand times as much can still be added up. */
const MOST_TOKENS = 1e12;

/**
 * Reads what a provider says that a call used. Fractions are rounded up.
 * @returns nothing for what cannot be a number of tokens: negative, or larger than any call can use
 */
export function tokenCount(reported: number | undefined): number | undefined {
  const isPossible = reported !== undefined && reported >= 0 && reported <= MOST_TOKENS;
  return isPossible ? Math.ceil(reported) : undefined;
}
