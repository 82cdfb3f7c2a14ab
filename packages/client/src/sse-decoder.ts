import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { CloutAgentError } from './error.js';

/** Space for `id`, `event` and `data: `: the parser counts the field name as part of the line. */
const FIELD_NAME_CHARACTERS = 16;

/** Decodes the bytes of one connection into messages, by the rules of the HTML Standard, section 9.2.6. */
export class SSEDecoder {
  /** The last `retry:` of the server, in ms. */
  retryMs: number | undefined;
  /** Number of comments so far. Most are heartbeats. */
  comments = 0;
  private readonly text = new TextDecoder();
  private readonly parser: EventSourceParser;
  private messages: EventSourceMessage[] = [];
  private overflow = false;
  private afterCarriageReturn = false;

  /** @param maxEventBytes maximum size of one event's data in UTF-8 */
  constructor(private readonly maxEventBytes: number) {
    this.parser = createParser({
      // This limits memory: a UTF-16 unit is at least one byte in UTF-8. `push` checks the exact size.
      maxBufferSize: maxEventBytes + FIELD_NAME_CHARACTERS,
      onEvent: (message) => this.push(message),
      onRetry: (ms) => (this.retryMs = ms),
      onComment: () => (this.comments += 1),
      onError: (error) => {
        // The standard says to ignore unknown fields and a malformed retry.
        if (error.type === 'max-buffer-size-exceeded') this.overflow = true;
      },
    });
  }

  /**
   * Returns the messages that these bytes complete. Text after the last blank line is kept for the next call, and is
   * dropped when the connection ends.
   */
  decode(bytes: Uint8Array): EventSourceMessage[] {
    this.messages = [];
    if (!this.overflow) this.parser.feed(this.unifyLineEnds(this.text.decode(bytes, { stream: true })));
    return this.messages;
  }

  /** The error if a message after those that `decode` returned is too large. */
  get error(): CloutAgentError | undefined {
    if (!this.overflow) return undefined;
    return new CloutAgentError(
      'event_too_large',
      `An event is larger than ${this.maxEventBytes} bytes. Raise maxEventBytes to receive it.`,
    );
  }

  private push(message: EventSourceMessage): void {
    if (this.overflow) return;
    if (isLonger(message.data, this.maxEventBytes)) this.overflow = true;
    else this.messages.push(message);
  }

  /**
   * Converts CR and CRLF to LF. The parser accepts them too, but it holds back a CR at the end of a chunk, and with it
   * a complete event, until the next chunk.
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
  // A UTF-16 unit is at most three bytes in UTF-8, so short texts need no exact count.
  return text.length * 3 > bytes && encoder.encode(text).length > bytes;
}
