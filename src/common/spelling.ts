/**
 * Whether at most so many edits turn one word into the other. An edit inserts, removes or replaces a character, or exchanges
 * two neighbours (optimal string alignment distance). It tries all edits at the first difference, which takes no memory and
 * is faster than a table for up to four edits.
 */
export function isWithinEdits(edits: number, a: string, b: string, from = 0, to = 0): boolean {
  let [i, j] = [from, to];
  while (i < a.length && a[i] === b[j]) {
    i++;
    j++;
  }
  const [restOfA, restOfB] = [a.length - i, b.length - j];
  if (restOfA === 0 || restOfB === 0) return Math.max(restOfA, restOfB) <= edits;
  if (edits === 0 || Math.abs(restOfA - restOfB) > edits) return false;
  return (
    isWithinEdits(edits - 1, a, b, i + 1, j + 1) ||
    isWithinEdits(edits - 1, a, b, i + 1, j) ||
    isWithinEdits(edits - 1, a, b, i, j + 1) ||
    (a[i] === b[j + 1] && a[i + 1] === b[j] && isWithinEdits(edits - 1, a, b, i + 2, j + 2))
  );
}

/** Removes what writers of names choose differently: upper case, hyphens and underscores. */
export const normalizeName = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

const MAX_EDITS = 4;

/**
 * Returns the known name that a name is probably meant to be: the one with the fewest edits, up to a third of its characters
 * and up to four. Undefined if there is none.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const similar = known.filter((candidate) => Math.abs(candidate.length - name.length) <= 2 * MAX_EDITS);
  if (similar.length === 0) return undefined;
  const given = normalizeName(name);
  for (let edits = 0; edits <= MAX_EDITS; edits++) {
    const nearest = similar.find(
      (candidate) =>
        edits <= Math.max(1, candidate.length / 3) && isWithinEdits(edits, given, normalizeName(candidate)),
    );
    if (nearest !== undefined) return nearest;
  }
  return undefined;
}
