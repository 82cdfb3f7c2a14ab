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
