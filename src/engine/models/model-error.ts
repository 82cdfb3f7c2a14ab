import { APICallError, StreamProviderError } from 'ai';
import { retryAfterMs } from '../http/retry-after.js';
import { NodeError, TransientError } from '../node-handler.js';

/** What providers call their failures in the middle of a stream, when they don't say which status it would have been. */
const STATUS_OF: Readonly<Record<string, number>> = {
  overloaded_error: 529,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  tokens: 429,
  requests: 429,
  api_error: 500,
  server_error: 500,
  timeout_error: 504,
  invalid_request_error: 400,
  billing_error: 400,
  insufficient_quota: 400,
  authentication_error: 401,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
};

/**
 * What a failed model call means for its node: to be tried again, or over. The messages hold nothing that
 * the provider wrote about keys; only what it says of a refused request is passed on.
 */
export function modelError(error: unknown): NodeError {
  if (error instanceof NodeError) return error;
  const status = statusOf(error);
  const wait = APICallError.isInstance(error) ? retryAfterMs(error.responseHeaders) : undefined;
  const cause = { cause: error };
  if (status === 429)
    return new TransientError(
      'model_rate_limited',
      "The model's provider limits how often it is asked (429).",
      wait,
      cause,
    );
  if (status === 529)
    return new TransientError('model_overloaded', "The model's provider is overloaded (529).", wait, cause);
  if (status === 401 || status === 403) {
    return new NodeError(
      'model_auth_failed',
      `The model's provider refused this server's key (${status}): check the key and what it is allowed to use.`,
      cause,
    );
  }
  if (status === 404)
    return new NodeError(
      'model_not_found',
      "The model's provider knows no such model (404): check its name.",
      cause,
    );
  // 409 is what Anthropic and OpenAI send for a conflict with another request under way.
  if (status === 408 || status === 409 || (status !== undefined && status >= 500)) {
    return new TransientError('model_unavailable', `The model's provider failed (${status}).`, wait, cause);
  }
  if (status !== undefined && status >= 300) {
    return new NodeError(
      'model_refused_request',
      `The model's provider refused the request (${status}): ${excerpt(error)}`,
      cause,
    );
  }
  if (APICallError.isInstance(error) && status === undefined) {
    return new TransientError(
      'model_unavailable',
      "The model's provider can't be reached.",
      undefined,
      cause,
    );
  }
  return new TransientError(
    'model_stream_broken',
    'The answer of the model broke off or made no sense.',
    undefined,
    cause,
  );
}

function statusOf(error: unknown): number | undefined {
  if (APICallError.isInstance(error)) return error.statusCode;
  if (!StreamProviderError.isInstance(error)) return undefined;
  // A bare error in a stream is the provider's trouble, not the request's: that was accepted.
  return STATUS_OF[error.type ?? ''] ?? STATUS_OF[String(error.code)] ?? error.statusCode ?? 500;
}

/** Providers quote keys, masked or not; nobody who watches should see even the rest. */
const excerpt = (error: unknown): string =>
  (error instanceof Error ? error.message : '')
    .replace(/\b(sk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[key]')
    .slice(0, 300)
    .toWellFormed();
