/** Results that a function remembers at most. */
const MAX_RESULTS = 1_000;

/** Returns a function that remembers its results for a while. @param compute must not return undefined */
export function memoize<Result>(compute: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const result = compute(text);
    if (known.size === MAX_RESULTS) known.clear();
    // A slice would keep the text from which it was cut in memory.
    known.set(Buffer.from(text).toString(), result);
    return result;
  };
}
