/** Words that differ in more than this share of their characters are not alike. */
const MAX_DIFFERENCE = 0.4;

/** Returns the known word that is most like `word`, to suggest it in a message; undefined if none is alike. */
export function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: { word: string; edits: number } | undefined;
  for (const candidate of known) {
    const edits = editsBetween(word.toLowerCase(), candidate.toLowerCase());
    const isAlike = edits <= Math.max(word.length, candidate.length) * MAX_DIFFERENCE;
    if (isAlike && edits < (nearest?.edits ?? Infinity)) nearest = { word: candidate, edits };
  }
  return nearest?.word;
}

/** Counts the insertions, deletions and replacements that turn one text into another (Levenshtein distance). */
function editsBetween(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_unused, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = previous[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[to.length]!;
}
