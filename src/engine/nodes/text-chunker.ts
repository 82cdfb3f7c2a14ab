import type { SecretRedactor } from '../../config/secret-redactor.js';

/** 3 bytes of UTF-8 at most for a UTF-16 unit, so a piece has no more than 16 KiB. */
const LONGEST = Math.floor(16_384 / 3);

/**
 * Cuts a model's chunks into pieces of at most 16 KiB. No piece ends between the halves of a surrogate pair, not even
 * where the provider did: half a pair is no Unicode text and PostgreSQL refuses it. Nor does one end inside of a secret of
 * the server, which the provider may repeat in any number of chunks: it is replaced as a whole.
 */
export class TextChunker {
  private held = '';

  constructor(private readonly secrets: SecretRedactor) {}

  /** The pieces that are complete with this chunk; none for an empty one. */
  push(chunk: string): Generator<string> {
    const text = this.secrets.text(this.held + chunk);
    const open = Math.max(this.secrets.openEnd(text), isHigh(text.charCodeAt(text.length - 1)) ? 1 : 0);
    this.held = text.slice(text.length - open);
    return pieces(text.slice(0, text.length - open));
  }

  /** What was held back for its continuation, when that does not come. */
  end(): Generator<string> {
    const text = this.held;
    this.held = '';
    return pieces(text);
  }
}

function* pieces(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + LONGEST, text.length);
    if (end < text.length && isHigh(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end).toWellFormed();
    start = end;
  }
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
