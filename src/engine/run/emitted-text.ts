import type { EventDraft } from '@cloutagent/contract';
import { RedactedStream } from '../../config/redacted-stream.js';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import type { EventIds } from './emitted-event.js';

type TextType = 'execution:output' | 'execution:thinking';

/**
 * The texts that the code of a module emits in one attempt. The journal redacts each event alone, so what may begin a secret
 * is held back until the text continues. Nothing is held back while the execution has used no secret.
 */
export class EmittedText {
  private readonly streams: Record<TextType, RedactedStream>;

  constructor(private readonly secrets: () => SecretRedactor) {
    this.streams = {
      'execution:output': new RedactedStream(secrets),
      'execution:thinking': new RedactedStream(secrets),
    };
  }

  get isHolding(): boolean {
    return Object.values(this.streams).some((stream) => stream.isHolding);
  }

  /** Returns the draft with the text that may be recorded now; none if all of it is held back. */
  take(draft: EventDraft): EventDraft[] {
    const { type, fields } = draft;
    if ((type !== 'execution:output' && type !== 'execution:thinking') || !this.secrets().isExtended)
      return [draft];
    const chunk = this.streams[type].push(fields.chunk);
    return chunk === '' ? [] : [{ type, fields: { ...fields, chunk } }];
  }

  /** Returns the drafts of what is held back. */
  end(ids: EventIds): EventDraft[] {
    return (['execution:thinking', 'execution:output'] as const).flatMap((type) => {
      const chunk = this.streams[type].end();
      return chunk === '' ? [] : [{ type, fields: { chunk, ...ids } }];
    });
  }
}
