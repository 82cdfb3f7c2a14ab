/** Longer names are not compared, because the time grows with the product of the lengths. */
const MAX_LENGTH = 200;

/**
 * Finds the known name that was probably meant: the one that the fewest changes of a letter make of `name`, whatever its
 * case. At most a third of the letters may change.
 * @returns undefined if none is near
 */
export function nearest<Name extends string>(name: string, known: Iterable<Name>): Name | undefined {
  if (name.length > MAX_LENGTH) return undefined;
  let found: Name | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const changes = distance(name.toLowerCase(), candidate.toLowerCase());
    if (changes >= fewest) continue;
    fewest = changes;
    found = candidate;
  }
  return found;
}

/** The Levenshtein distance: how many letters must be added, removed or replaced to make `other` of `one`. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}
