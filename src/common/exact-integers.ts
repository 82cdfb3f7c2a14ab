/** A string or a number in a JSON text. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
/** The largest finite number has 309 digits, so a longer integer cannot be represented. */
const MAX_DIGITS = 309;

/**
 * Parses a JSON text without losing digits. An integer that a JavaScript number cannot represent exactly, and a number that
 * is too large for one, become strings with the digits of the JSON text.
 * @throws SyntaxError when the text is not JSON
 */
export function parseExactly(json: string): unknown {
  const value = JSON.parse(json) as unknown;
  if (!hasLargeNumber(value)) return value;
  return JSON.parse(json.replace(TOKENS, (token) => (isLost(token) ? `"${token}"` : token)));
}

/** Walks level by level, so that deeply nested values do not overflow the stack. */
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

/**
 * Whether JSON.stringify would write the number differently than the token. It writes numbers that are not finite as
 * null.
 */
const isLost = (token: string): boolean =>
  !token.startsWith('"') && (isInexact(token) || !Number.isFinite(Number(token)));

/**
 * Whether a token is an integer that JavaScript writes with other digits (RFC 8259, section 6). For example, it writes
 * 2^63 as 9223372036854776000, although a number represents 2^63 exactly.
 */
export function isInexact(token: string): boolean {
  if (token.length < 16 || !/^-?[1-9]\d+$/.test(token)) return false;
  return token.length > MAX_DIGITS || String(Number(token)) !== token;
}
