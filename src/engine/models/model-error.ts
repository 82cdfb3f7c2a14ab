import { APICallError, StreamProviderError } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { retryAfterMs } from '../http/retry-after.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { providerReason } from './provider-reason.js';
import { UnexpectedAnswerError } from './unexpected-answer.js';

/** What providers call their failures in the middle of a stream, when they don't say which status it would have been. */
const STATUS_OF = new Map(
  Object.entries({
    overloaded_error: 529,
    rate_limit_error: 429,
    rate_limit_exceeded: 429,
    tokens: 429,
    requests: 429,
    api_error: 500,
    server_error: 500,
    timeout_error: 504,
    invalid_request_error: 400,
    billing_error: 402,
    insufficient_quota: 402,
    authentication_error: 401,
    permission_error: 403,
    not_found_error: 404,
    request_too_large: 413,
  }),
);
/** What they call an account that cannot pay, whatever the status: mostly 402 or 429, and trying again is no help. */
const NO_CREDIT = new Set([
  'insufficient_quota',
  'insufficient_balance',
  'insufficient_credits',
  'billing_error',
  'billing_hard_limit_reached',
  'billing_not_active',
]);
/** Anthropic says it in a sentence of an `invalid_request_error`. */
const NO_CREDIT_SENTENCE = /\b(credit balance is too low|insufficient (quota|balance|credits?|funds))\b/i;

/**
 * What a failed model call means for its node: to be tried again, or final. The message ends with what the provider
 * said, without secrets.
 */
export function modelError(error: unknown, secrets: SecretRedactor): NodeError {
  if (error instanceof NodeError) return error;
  const reason = providerReason(error, secrets);
  const status = statusOf(error);
  const wait = APICallError.isInstance(error) ? retryAfterMs(error.responseHeaders) : undefined;
  const says = (sentence: string) => (reason === undefined ? `${sentence}.` : `${sentence}: ${reason}`);
  const final = (code: string, sentence: string) => new NodeError(code, says(sentence), { cause: error });
  const transient = (code: string, sentence: string) =>
    new TransientError(code, says(sentence), wait, { cause: error });

  const isRefusal = status !== undefined && status >= 400 && status < 500;
  if (status === 402 || NO_CREDIT.has(kindOf(error)) || (isRefusal && NO_CREDIT_SENTENCE.test(reason ?? '')))
    return final(
      'model_quota_exceeded',
      `The account of this server at the model's provider has no credit left${inBrackets(status)}`,
    );
  if (status === 429)
    return transient('model_rate_limited', "The model's provider limits how often it is asked (429)");
  if (status === 529) return transient('model_overloaded', "The model's provider is overloaded (529)");
  if (status === 401 || status === 403)
    return final(
      'model_auth_failed',
      `The model's provider refused this server's key (${status}); check the key and what it is allowed to use`,
    );
  if (status === 404)
    return final(
      'model_not_found',
      "The model's provider knows no such model or address (404); check the model's name and the provider's base URL",
    );
  // 409 is what Anthropic and OpenAI send for a conflict with another request under way.
  if (status === 408 || status === 409 || (status !== undefined && status >= 500))
    return transient('model_unavailable', `The model's provider failed (${status})`);
  if (status !== undefined && status >= 300)
    return final('model_refused_request', `The model's provider refused the request (${status})`);
  if (error instanceof UnexpectedAnswerError)
    return final('model_refused_request', "The model's provider did not answer with an event stream");
  if (APICallError.isInstance(error) && status === undefined)
    return transient('model_unavailable', "The model's provider can't be reached");
  return transient('model_stream_broken', 'The answer of the model broke off or made no sense');
}

function statusOf(error: unknown): number | undefined {
  if (APICallError.isInstance(error)) return error.statusCode;
  if (error instanceof UnexpectedAnswerError) return STATUS_OF.get(kindOf(error));
  if (!StreamProviderError.isInstance(error)) return undefined;
  // A bare error in a stream is the provider's trouble, not the request's: that was accepted.
  return STATUS_OF.get(error.type ?? '') ?? STATUS_OF.get(String(error.code)) ?? error.statusCode ?? 500;
}

/** What the provider calls the failure: its `code`, else its `type`. */
function kindOf(error: unknown): string {
  if (StreamProviderError.isInstance(error)) return known(error) ?? '';
  const body = APICallError.isInstance(error)
    ? error.responseBody
    : error instanceof UnexpectedAnswerError
      ? error.body
      : undefined;
  try {
    const value = JSON.parse(body ?? '') as { error?: unknown } | null;
    return known(value?.error) ?? known(value) ?? '';
  } catch {
    return '';
  }
}

function known(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, type } = value as { code?: unknown; type?: unknown };
  return [code, type].find(
    (name): name is string => typeof name === 'string' && (NO_CREDIT.has(name) || STATUS_OF.has(name)),
  );
}

const inBrackets = (status: number | undefined): string => (status === undefined ? '' : ` (${status})`);
