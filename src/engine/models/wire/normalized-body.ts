import { setTimeout as delay } from 'node:timers/promises';
import { createParser, type EventSourceMessage, type EventSourceParser } from 'eventsource-parser';
import { UnexpectedResponseError } from '../unexpected-response.js';
import type { UsageObserver } from '../usage-observer.js';
import { eventTooLarge } from './argument-limit.js';
import { type JsonObject, parseLeniently } from './json-object.js';
import type { EventSink, ProviderEvent, StreamNormalizer } from './stream-normalizer.js';

/** How long the connection may take to end after a complete answer. A connection that ends in time is used again. */
const LAST_READ_TIMEOUT_MS = 250;
/** Bytes after a complete answer that are skipped. */
const LAST_READ_MAX_BYTES = 65_536;
/** The lines of an event stream; the last one may not be complete. */
const FIELD = /^\uFEFF?(:|(data|event|id|retry|d|da|dat|e|ev|eve|even|i|r|re|ret|retr)(:|$))/;
/** Longer than the name of a field. */
const MAX_FIELD = 16;
/** Characters at the beginning of a body without events that are kept for the error message. */
const MAX_BEGINNING = 65_536;

export interface NormalizedBodyOptions {
  readonly normalizer: StreamNormalizer;
  readonly observer: UsageObserver | undefined;
  /** Limits an event, and all arguments of tools in an answer, in characters. */
  readonly maxEventLength: number;
  readonly contentType: string;
}

/**
 * Reads the event stream of a provider, and writes the events that the AI SDK reads. It reads only as much as the AI SDK asks
 * for. It does not end before the provider's body has ended, or a quarter of a second after the provider has said that its answer is
 * complete.
 */
export function normalizedBody(
  source: ReadableStream<Uint8Array>,
  options: NormalizedBodyOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = source.getReader();
  const body = new NormalizedBody(options);
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          for (;;) {
            const output = await body.read(reader);
            if (output === undefined) return controller.close();
            if (output !== '') return controller.enqueue(Buffer.from(output));
          }
        } catch (error) {
          reader.cancel(error).catch(() => undefined);
          throw error;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Reads nothing in advance: while the events of a run wait to be committed, the model waits as well.
    { highWaterMark: 0 },
  );
}

class NormalizedBody implements EventSink {
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private output = '';
  private failure: Error | undefined;
  /** Whether an event has arrived. */
  private hasEvents = false;
  /** The beginning of the body, until an event has arrived. */
  private beginning = '';
  private hasEnded = false;

  constructor(private readonly options: NormalizedBodyOptions) {
    this.parser = createParser({
      maxBufferSize: options.maxEventLength,
      onEvent: (message) => this.take(message),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') this.failure = eventTooLarge(options.maxEventLength);
      },
    });
  }

  /**
   * Reads a piece of the provider's body.
   * @returns the events in it, or '' if there are none; undefined at the end
   * @throws the error of the connection; UnexpectedResponseError; StreamEndedEarlyError; NodeError `model_failed`
   */
  async read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string | undefined> {
    if (this.hasEnded) return undefined;
    if (this.options.normalizer.isComplete) {
      this.hasEnded = true;
      await readToEnd(reader);
      return undefined;
    }
    const { done, value } = await reader.read();
    if (done) {
      this.hasEnded = true;
      return this.end();
    }
    this.options.observer?.onData?.();
    this.feed(this.decoder.decode(value, { stream: true }));
    return this.taken();
  }

  pass(event: ProviderEvent, value: unknown): void {
    // A line break can only be between two tokens of JSON, where a space means the same.
    if (event.isRepaired) this.write(JSON.stringify(value));
    else this.write(event.data.includes('\n') ? event.data.replaceAll('\n', ' ') : event.data);
  }

  send(value: JsonObject): void {
    this.write(JSON.stringify(value));
  }

  private write(data: string): void {
    this.output += `data: ${data}\n\n`;
  }

  private feed(text: string): void {
    this.parser.feed(text);
    if (this.hasEvents) return;
    this.beginning += text;
    if (this.beginning.length > MAX_BEGINNING) this.checkBeginning();
  }

  /** @throws UnexpectedResponseError if what has arrived without an event is more than comments */
  private checkBeginning(): void {
    const lines = this.beginning.split(/\r\n|\r|\n/);
    if (!lines.every((line) => line.trim() === '' || FIELD.test(line)))
      throw new UnexpectedResponseError(this.options.contentType, this.beginning.trim());
    // The last line may continue.
    this.beginning = lines.at(-1)!.slice(0, MAX_FIELD);
  }

  private taken(): string {
    if (this.failure) throw this.failure;
    const { output } = this;
    this.output = '';
    return output;
  }

  /** Takes the last event, which some servers do not end with an empty line. */
  private end(): string {
    this.feed(`${this.decoder.decode()}\n\n`);
    if (!this.hasEvents) this.checkBeginning();
    this.options.normalizer.end(this);
    return this.taken();
  }

  private take({ data, event: name }: EventSourceMessage): void {
    const { normalizer } = this.options;
    this.hasEvents = true;
    if (this.failure || normalizer.isComplete) return;
    const text = data.trim();
    if (text === '') return;
    // The short ones alone are looked at: this runs for each piece of text.
    if (text.length <= 6 && /^\[?done\]?$/i.test(text)) return normalizer.done(this);
    const parsed = parseLeniently(data);
    // At the end of the stream it is an event that was cut off. Elsewhere the AI SDK reports it.
    if (!parsed) {
      if (!this.hasEnded) normalizer.takeUnreadable({ data, name, isRepaired: false }, this);
      return;
    }
    const { value, isRepaired } = parsed;
    if (!Array.isArray(value)) return normalizer.take(value, { data, name, isRepaired }, this);
    for (const each of value as unknown[]) normalizer.take(each, { data, name, isRepaired: true }, this);
  }
}

/** Waits for the end of the connection, so that it can be used for another call, but not for long. */
async function readToEnd(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const timeout = new AbortController();
  const isLate = delay(LAST_READ_TIMEOUT_MS, false, { signal: timeout.signal }).catch(() => false);
  const hasEnded = (async () => {
    for (let bytes = 0; bytes <= LAST_READ_MAX_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return true;
      bytes += value.byteLength;
    }
    return false;
  })().catch(() => true);
  if (!(await Promise.race([isLate, hasEnded]))) reader.cancel().catch(() => undefined);
  timeout.abort();
}
