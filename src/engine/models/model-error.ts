import { APICallError } from 'ai';
import { NodeError, TransientError } from '../node-handler.js';

/** What a failed model call means for its node: tried again, or failed for good. */
export function toNodeError(error: unknown): Error {
  if (error instanceof NodeError) return error;
  const cause = { cause: error };
  if (APICallError.isInstance(error) && error.statusCode !== undefined) {
    const status = error.statusCode;
    if (status === 429)
      return new TransientError(
        'model_rate_limited',
        'The model provider limits the rate (429).',
        retryAfterMs(error.responseHeaders),
        cause,
      );
    if (status === 529)
      return new TransientError(
        'model_overloaded',
        'The model provider is overloaded (529).',
        retryAfterMs(error.responseHeaders),
        cause,
      );
    if (status >= 500 || status === 408 || status === 409) {
      return new TransientError(
        'model_unavailable',
        `The model provider answered ${status}.`,
        retryAfterMs(error.responseHeaders),
        cause,
      );
    }
    if (status === 401 || status === 403)
      return new NodeError(
        'model_auth_failed',
        `The model provider refused this server's key (${status}).`,
        cause,
      );
    if (status === 404)
      return new NodeError('model_not_found', 'The model provider does not know this model (404).', cause);
    // 200: the connection or the body broke after the headers.
    if (status >= 400)
      return new NodeError(
        'model_refused_request',
        `The model provider refused the request (${status}): ${error.message}`,
        cause,
      );
  }
  const type = errorType(error);
  if (type === 'overloaded_error')
    return new TransientError('model_overloaded', 'The model provider is overloaded.', undefined, cause);
  if (type === 'rate_limit_error')
    return new TransientError('model_rate_limited', 'The model provider limits the rate.', undefined, cause);
  const message = error instanceof Error ? error.message : JSON.stringify(error);
  return new TransientError(
    'model_stream_broken',
    `The connection to the model broke: ${message}`,
    undefined,
    cause,
  );
}

/** Providers send errors inside a stream as `{ type, message }`, perhaps as JSON in an Error's message. */
function errorType(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : JSON.stringify(error);
  return (
    /"?(overloaded_error|rate_limit_error)"?/i.exec(text)?.[1] ??
    (/^overloaded$/i.test(text) ? 'overloaded_error' : undefined)
  );
}

/** `Retry-After` in ms: seconds or a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(headers: Record<string, string> | undefined): number | undefined {
  const value = headers?.['retry-after'];
  if (value === undefined) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
