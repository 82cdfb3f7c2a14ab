import { RedactedStream } from '../../config/redacted-stream.js';
import type { SecretRedactor } from '../../config/secret-redactor.js';

/** A UTF-16 unit takes at most 3 bytes in UTF-8, so a chunk has at most 16 KiB. */
const MAX_UNITS = Math.floor(16_384 / 3);

/**
 * Cuts a model's text into chunks of at most 16 KiB. A chunk never ends between the halves of a surrogate pair, even if the
 * provider cut there: half a pair is not valid Unicode, and PostgreSQL refuses it. A chunk never ends inside a secret
 * either: the provider may repeat a secret across several chunks, and it is redacted as a whole.
 */
export class TextChunker {
  private readonly redacted: RedactedStream;
  /** The first half of a surrogate pair, or nothing. */
  private half = '';

  constructor(secrets: () => SecretRedactor) {
    this.redacted = new RedactedStream(secrets);
  }

  /** Adds text and returns the chunks that are complete now; none if the text is empty. */
  push(delta: string): Generator<string> {
    const text = this.half + this.redacted.push(delta);
    this.half = isHigh(text.charCodeAt(text.length - 1)) ? text.slice(-1) : '';
    return chunksOf(text.slice(0, text.length - this.half.length));
  }

  /** Returns the pending text when no more text follows. */
  end(): Generator<string> {
    const text = this.half + this.redacted.end();
    this.half = '';
    return chunksOf(text);
  }
}

function* chunksOf(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    let end = Math.min(start + MAX_UNITS, text.length);
    if (end < text.length && isHigh(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end).toWellFormed();
    start = end;
  }
}

/** Whether a UTF-16 unit is the first half of a surrogate pair. */
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
