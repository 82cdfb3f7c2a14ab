/** A text or a number of a JSON text. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;
/** An integer that a number may hold exactly has no more digits. Reading longer ones would take long, too. */
const MOST_DIGITS = 309;

/** Parses a JSON text. Integers that a number cannot hold exactly become texts of their digits. */
export function parseExactly(json: string): unknown {
  const value = JSON.parse(json) as unknown;
  if (!hasLargeInteger(value)) return value;
  return JSON.parse(json.replace(TOKENS, (token) => (isInexact(token) ? `"${token}"` : token)));
}

/** Level by level, so that depth costs no stack. */
function hasLargeInteger(value: unknown): boolean {
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

/** Whether the text of a number is an integer that a number cannot hold exactly (RFC 8259, section 6). */
export function isInexact(token: string): boolean {
  if (token.length < 16 || !/^-?\d+$/.test(token)) return false;
  if (token.length > MOST_DIGITS) return true;
  const number = Number(token);
  return String(number) !== token && BigInt(token) !== BigInt(number);
}
