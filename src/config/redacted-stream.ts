import { REDACTED } from './cover.js';
import { MIN_LENGTH } from './form-search.js';
import type { SecretRedactor } from './secret-redactor.js';

/**
 * Replaces the secrets in a text that arrives in parts. It holds back only what may begin a secret: never more than the
 * longest form of a secret has characters.
 */
export class RedactedStream {
  /** What may begin a secret that continues in the next part. */
  private pending = '';
  /** A form that begins with all of it. */
  private form: string | undefined;
  /** How many characters of it belong to a secret that is replaced already. */
  private covered = 0;

  /** @param redactor called for each part, because an execution may use further secrets while a text arrives */
  constructor(private readonly redactor: () => SecretRedactor) {}

  /** Whether a part of the text is held back. */
  get isHolding(): boolean {
    return this.pending.length > 0;
  }

  /** Adds a part. @returns what is complete now, without secrets */
  push(part: string): string {
    const { pending, form } = this;
    // Without this, a long secret in short parts would be searched from its beginning for each part.
    if (form && pending.length + part.length < form.length && form.startsWith(part, pending.length)) {
      this.pending += part;
      return '';
    }
    const text = pending + part;
    const redactor = this.redactor();
    const { text: complete, left, covered } = redactor.part(text, this.covered);
    this.pending = text.slice(text.length - left);
    this.form = redactor.continuation(this.pending);
    this.covered = covered;
    return complete;
  }

  /**
   * Returns what is held back, when no further part follows. A long beginning of a secret is replaced: the sender may have
   * been cut off in the middle of it.
   */
  end(): string {
    const open = this.pending.slice(this.covered);
    const rest = open.length < MIN_LENGTH ? open : REDACTED;
    this.pending = '';
    this.form = undefined;
    this.covered = 0;
    return rest;
  }
}
