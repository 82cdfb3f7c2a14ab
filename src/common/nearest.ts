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

/**
 * How many changes make `other` of `one`: a letter is added, removed or replaced, or two neighbours are exchanged (optimal
 * string alignment distance).
 */
function distance(one: string, other: string): number {
  let previous: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      const isExchange = i > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      const exchanged = isExchange ? previous[j - 2]! + 1 : Infinity;
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, replaced, exchanged));
    }
    previous = row;
    row = next;
  }
  return row.at(-1)!;
}
