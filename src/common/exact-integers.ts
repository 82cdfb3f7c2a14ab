/** A text or a number of a JSON text. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
/** An integer that a number may keep has no more digits. */
const MOST_DIGITS = 309;

/** Parses a JSON text. Integers whose digits a number does not keep, and numbers too large for one, become texts as they stand. */
export function parseExactly(json: string): unknown {
  const value = JSON.parse(json) as unknown;
  if (!hasLargeNumber(value)) return value;
  return JSON.parse(json.replace(TOKENS, (token) => (isLost(token) ? `"${token}"` : token)));
}

/** Level by level, so that depth costs no stack. */
function hasLargeNumber(value: unknown): boolean {
  for (let level = [value]; level.length > 0;) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item === 'number') {
        if (!Number.isSafeInteger(item) && (Number.isInteger(item) || !Number.isFinite(item))) return true;
      } else if (typeof item === 'object' && item !== null) {
        for (const member of Object.values(item)) next.push(member);
      }
    }
    level = next;
  }
  return false;
}

/** Whether the token is a number that would not be written again as it stands. A number that is not finite is written as null. */
const isLost = (token: string): boolean =>
  !token.startsWith('"') && (isInexact(token) || !Number.isFinite(Number(token)));

/**
 * Whether the text of a number is an integer that JavaScript writes with other digits (RFC 8259, section 6): it makes
 * 9223372036854776000 of 2^63, although a number holds that exactly.
 */
export function isInexact(token: string): boolean {
  if (token.length < 16 || !/^-?[1-9]\d+$/.test(token)) return false;
  return token.length > MOST_DIGITS || String(Number(token)) !== token;
}
