import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { CloutAgentError } from './error.js';

/** `id`, `event` and `data: `, which the parser counts with the line they begin. */
const FIELD_NAME_CHARACTERS = 16;

/** Bytes of one connection to the messages in them, by the rules of the HTML Standard, section 9.2.6. */
export class SSEDecoder {
  /** The last `retry:`, in ms. */
  retryMs: number | undefined;
  /** Comments so far: heartbeats, mostly. */
  comments = 0;
  private readonly text = new TextDecoder();
  private readonly parser: EventSourceParser;
  private messages: EventSourceMessage[] = [];
  private overflow = false;
  private afterCarriageReturn = false;

  /** @param maxEventBytes what one event may have as UTF-8 */
  constructor(private readonly maxEventBytes: number) {
    this.parser = createParser({
      // A UTF-16 unit is at least one byte of UTF-8: this bounds memory, and `push` is exact.
      maxBufferSize: maxEventBytes + FIELD_NAME_CHARACTERS,
      onEvent: (message) => this.push(message),
      onRetry: (ms) => (this.retryMs = ms),
      onComment: () => (this.comments += 1),
      onError: (error) => {
        // Unknown fields and a malformed retry are ignored, as the standard has it.
        if (error.type === 'max-buffer-size-exceeded') this.overflow = true;
      },
    });
  }

  /**
   * The messages that are complete with these bytes. What follows the last blank line waits for more, and is
   * dropped with the connection.
   */
  decode(bytes: Uint8Array): EventSourceMessage[] {
    this.messages = [];
    if (!this.overflow) this.parser.feed(this.unifyLineEnds(this.text.decode(bytes, { stream: true })));
    return this.messages;
  }

  /** Set when the message after the last one that `decode` returned is too large. */
  get error(): CloutAgentError | undefined {
    if (!this.overflow) return undefined;
    return new CloutAgentError(
      'event_too_large',
      `The stream has an event of more than ${this.maxEventBytes} bytes. Raise maxEventBytes to take it.`,
    );
  }

  private push(message: EventSourceMessage): void {
    if (this.overflow) return;
    if (isLonger(message.data, this.maxEventBytes)) this.overflow = true;
    else this.messages.push(message);
  }

  /**
   * CR and CRLF to LF. The parser takes them too, but lets a CR at the end of a chunk wait for the next chunk,
   * and with it an event that is complete.
   */
  private unifyLineEnds(text: string): string {
    if (text === '') return text;
    const rest = this.afterCarriageReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.afterCarriageReturn = text.endsWith('\r');
    return rest.includes('\r') ? rest.replaceAll(/\r\n?/g, '\n') : rest;
  }
}

const encoder = new TextEncoder();

function isLonger(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  // At most three bytes a UTF-16 unit: only near the limit is it worth counting.
  return text.length * 3 > bytes && encoder.encode(text).length > bytes;
}
