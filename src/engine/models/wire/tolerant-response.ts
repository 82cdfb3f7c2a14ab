import { requireEventStream, UnexpectedResponseError } from '../unexpected-response.js';
import type { UsageObserver } from '../usage-observer.js';
import { AnthropicEvents } from './anthropic-events.js';
import { ArgumentLimit } from './argument-limit.js';
import { ChatChunks } from './chat-chunks.js';
import { GoogleChunks } from './google-chunks.js';
import { parseLeniently } from './json-object.js';
import { normalizedBody } from './normalized-body.js';
import { reportFromError } from './reported-usage.js';
import { ResponsesEvents } from './responses-events.js';
import type { StreamNormalizer, WireFormat } from './stream-normalizer.js';
import { wholeAnswerEvents } from './whole-answer.js';

/** Bytes of the body of a failed call that are read. */
const ERROR_MAX_BYTES = 65_536;

export interface TolerantResponseOptions {
  readonly format: Exclude<WireFormat, 'other'>;
  readonly observer: UsageObserver | undefined;
  /** MODEL_EVENT_MAX_BYTES */
  readonly maxEventBytes: number;
}

/**
 * Prepares the response of a model provider for the AI SDK: its events fit the strict schemas of the AI SDK, and the usage in
 * it is reported to the observer.
 * @throws UnexpectedResponseError if a successful response is not an event stream
 */
export async function tolerantResponse(
  response: Response,
  options: TolerantResponseOptions,
): Promise<Response> {
  const { observer } = options;
  if (!response.ok) return failedResponse(response, observer);
  const stream = await eventStreamOf(response, options);
  const { body, status, headers } = stream;
  const normalized = normalizedBody(body as ReadableStream<Uint8Array>, {
    normalizer: normalizerFor(options),
    observer,
    maxEventLength: options.maxEventBytes,
    contentType: headers.get('content-type') ?? '',
  });
  return new Response(normalized, { status, headers });
}

/** A server that ignores `stream: true` sends the whole answer as JSON, which becomes a stream. */
async function eventStreamOf(
  response: Response,
  { format, observer }: TolerantResponseOptions,
): Promise<Response> {
  try {
    return await requireEventStream(response);
  } catch (error) {
    if (!(error instanceof UnexpectedResponseError)) throw error;
    const answer = parseLeniently(error.body)?.value;
    const events = wholeAnswerEvents(format, answer);
    if (events) {
      const data = [...events.map((each) => JSON.stringify(each)), '[DONE]'];
      return new Response(data.map((each) => `data: ${each}\n\n`).join(''), { headers: response.headers });
    }
    reportFromError(observer, answer);
    throw error;
  }
}

function normalizerFor({ format, observer, maxEventBytes }: TolerantResponseOptions): StreamNormalizer {
  const limit = new ArgumentLimit(maxEventBytes);
  switch (format) {
    case 'anthropic':
      return new AnthropicEvents(observer, limit);
    case 'openai-responses':
      return new ResponsesEvents(observer, limit);
    case 'google':
      return new GoogleChunks(observer, limit);
    default:
      return new ChatChunks(observer, limit, format === 'mistral');
  }
}

/** Reads the body of a failed call, within a limit, because the AI SDK would read all of it. */
async function failedResponse(response: Response, observer: UsageObserver | undefined): Promise<Response> {
  const { status, statusText, headers, body } = response;
  if (!body) return response;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  try {
    while (bytes < ERROR_MAX_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      observer?.onData?.();
      chunks.push(value);
      bytes += value.byteLength;
    }
  } catch {
    // The status is known. What has arrived of the body is enough to explain it.
  }
  reader.cancel().catch(() => undefined);
  const text = Buffer.concat(chunks).toString();
  reportFromError(observer, parseLeniently(text)?.value);
  return new Response(text, { status, statusText, headers });
}
