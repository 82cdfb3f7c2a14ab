/** A piece of a URL. */
export interface UrlPiece {
  readonly text: string;
  /** Whether the piece is a value that was percent-encoded. */
  readonly isValue: boolean;
}

/** Percent-encodes text, so that it is one value in any part of a URL. */
export const urlEncoded = (text: string): string => encodeURIComponent(text.toWellFormed());

/**
 * Whether a value makes a segment `.` or `..` of the URL's path. Such a segment disappears when the URL is parsed, so the
 * value could choose another path. Percent-encoding does not prevent this.
 */
export function hasFilledDotSegment(pieces: readonly UrlPiece[]): boolean {
  const url = pieces.map(({ text }) => text).join('');
  const queryAt = url.search(/[?#]/);
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  let piece = 0;
  let pieceEnd = pieces[0]?.text.length ?? 0;
  let start = 0;
  for (const segment of path.split(/[/\\]/)) {
    const end = start + segment.length;
    const isDots = /^(?:\.|%2e){1,2}$/i.test(segment);
    while (piece < pieces.length && pieceEnd <= end) {
      if (isDots && pieces[piece]!.isValue && pieceEnd > start) return true;
      piece += 1;
      pieceEnd += pieces[piece]?.text.length ?? 0;
    }
    if (isDots && pieces[piece]?.isValue) return true;
    start = end + 1;
  }
  return false;
}
