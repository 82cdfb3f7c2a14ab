/** An object of parsed JSON, of which nothing is known. */
export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns the value if it is an object, or else an empty object. */
export const objectOr = (value: unknown): JsonObject => (isObject(value) ? value : {});

export const stringOr = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** Reads a number that may be written as a string, such as `"12"`. */
export function numberOr(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** Strings, which are left as they are, and the numbers of Python's `json.dumps` that JSON does not have. */
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*(?:"|$)|-?\b(?:NaN|Infinity)\b/gs;

/**
 * Parses JSON. NaN and Infinity, which servers in Python may send, become null.
 * @returns `isRepaired` says whether the text was not valid; undefined if it cannot be parsed
 */
export function parseLeniently(text: string): { value: unknown; isRepaired: boolean } | undefined {
  try {
    return { value: JSON.parse(text), isRepaired: false };
  } catch {
    if (!/NaN|Infinity/.test(text)) return undefined;
  }
  try {
    const repaired = text.replace(STRING_OR_NUMBER, (found) => (found.startsWith('"') ? found : 'null'));
    return { value: JSON.parse(repaired), isRepaired: true };
  } catch {
    return undefined;
  }
}

/** Returns a copy of `value` in which the named members are numbers. A member that is not a number is left out. */
export function withNumbers(value: JsonObject, names: readonly string[]): JsonObject {
  const copy = { ...value };
  for (const name of names) {
    const number = numberOr(copy[name]);
    if (number === undefined) delete copy[name];
    else copy[name] = number;
  }
  return copy;
}
