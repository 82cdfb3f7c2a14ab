/**
 * Finds which gaps of a JSON text are inside its strings. A gap in a string stands for text, any other gap for a JSON value.
 * @param pieces the text before each gap, and the text after the last one
 * @returns for each gap whether it is inside a string; undefined if the text is no JSON object, list or string
 */
export function gapsInStrings(pieces: readonly string[]): boolean[] | undefined {
  if (!/^\s*[{["]/.test(pieces[0] ?? '')) return undefined;
  const gaps: boolean[] = [];
  let sample = '';
  let isInString = false;
  for (const [index, piece] of pieces.entries()) {
    for (let at = 0; at < piece.length; at += 1) {
      if (piece[at] === '"') isInString = !isInString;
      else if (piece[at] === '\\' && isInString) at += 1;
    }
    sample += piece;
    if (index === pieces.length - 1) break;
    gaps.push(isInString);
    if (!isInString) sample += 'null';
  }
  try {
    JSON.parse(sample);
  } catch {
    return undefined;
  }
  return gaps;
}
