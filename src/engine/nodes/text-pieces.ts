/** 3 bytes of UTF-8 at most for a UTF-16 unit, so a piece has no more than 16 KiB. */
const LONGEST = Math.floor(16_384 / 3);

/**
 * Cuts a model's chunks into pieces of at most 16 KiB and never between the halves of a surrogate pair,
 * not even where the provider did: half a pair is no Unicode text and PostgreSQL refuses it.
 */
export class TextPieces {
  private held = '';

  /** The pieces that are complete with this chunk; none for an empty one. */
  *push(chunk: string): Generator<string> {
    let text = this.held + chunk;
    this.held = '';
    const last = text.charCodeAt(text.length - 1);
    if (isHigh(last)) {
      this.held = text.slice(-1);
      text = text.slice(0, -1);
    }
    for (let start = 0; start < text.length;) {
      let end = Math.min(start + LONGEST, text.length);
      if (end < text.length && isHigh(text.charCodeAt(end - 1))) end -= 1;
      yield text.slice(start, end).toWellFormed();
      start = end;
    }
  }

  /** What was held back waiting for its other half, when that doesn't come. */
  *end(): Generator<string> {
    if (this.held) yield this.held.toWellFormed();
    this.held = '';
  }
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
