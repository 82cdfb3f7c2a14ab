import { APICallError, StreamProviderError } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { retryAfterMs } from '../http/retry-after.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { providerReason } from './provider-reason.js';
import { UnexpectedResponseError } from './unexpected-response.js';

/** Providers' names of failures, with the matching status. In the middle of a stream an error has a name only. */
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
/** Providers' names for an account without credit. The status is often 402 or 429, but a retry does not help. */
const NO_CREDIT = new Set([
  'insufficient_quota',
  'insufficient_balance',
  'insufficient_credits',
  'billing_error',
  'billing_hard_limit_reached',
  'billing_not_active',
]);
/** Anthropic reports missing credit in the message of an `invalid_request_error`. */
const NO_CREDIT_SENTENCE = /\b(credit balance is too low|insufficient (quota|balance|credits?|funds))\b/i;

/**
 * Turns the error of a failed model call into the error of its node: transient or permanent. The message ends with the
 * provider's own explanation, without secrets.
 */
export function modelError(error: unknown, secrets: SecretRedactor): NodeError {
  if (error instanceof NodeError) return error;
  const reason = providerReason(error, secrets);
  const status = statusOf(error);
  const retryAfter = APICallError.isInstance(error) ? retryAfterMs(error.responseHeaders) : undefined;
  const withReason = (sentence: string) => (reason === undefined ? `${sentence}.` : `${sentence}: ${reason}`);
  const permanent = (code: string, sentence: string) =>
    new NodeError(code, withReason(sentence), { cause: error });
  const transient = (code: string, sentence: string) =>
    new TransientError(code, withReason(sentence), retryAfter, { cause: error });

  const isRefusal = status !== undefined && status >= 400 && status < 500;
  if (
    status === 402 ||
    NO_CREDIT.has(failureName(error)) ||
    (isRefusal && NO_CREDIT_SENTENCE.test(reason ?? ''))
  )
    return permanent(
      'model_quota_exceeded',
      `This server's account at the model provider has no credit left${inBrackets(status)}; add credit to the account`,
    );
  if (status === 429)
    return transient('model_rate_limited', 'The model provider rate-limited the request (429)');
  if (status === 529) return transient('model_overloaded', 'The model provider is overloaded (529)');
  if (status === 401 || status === 403)
    return permanent(
      'model_auth_failed',
      `The model provider refused this server's API key (${status}); check the key and its permissions`,
    );
  if (status === 404)
    return permanent(
      'model_not_found',
      "The model provider did not find the model or the address (404); check the model's name and the provider's base URL",
    );
  // Anthropic and OpenAI send 409 for a conflict with another request in progress.
  if (status === 408 || status === 409 || (status !== undefined && status >= 500))
    return transient('model_unavailable', `The model provider failed (${status})`);
  if (status !== undefined && status >= 300)
    return permanent('model_refused_request', `The model provider refused the request (${status})`);
  if (error instanceof UnexpectedResponseError)
    return permanent(
      'model_refused_request',
      "The model provider did not respond with an event stream; check the provider's base URL",
    );
  if (APICallError.isInstance(error) && status === undefined)
    return transient('model_unavailable', 'The model provider cannot be reached');
  return transient('model_stream_broken', "The model's response ended early or was malformed");
}

function statusOf(error: unknown): number | undefined {
  if (APICallError.isInstance(error)) return error.statusCode;
  if (error instanceof UnexpectedResponseError) return STATUS_OF.get(failureName(error));
  if (!StreamProviderError.isInstance(error)) return undefined;
  // The provider had accepted the request, so an error of unknown name in the stream is the provider's own (500).
  return STATUS_OF.get(error.type ?? '') ?? STATUS_OF.get(String(error.code)) ?? error.statusCode ?? 500;
}

/** Finds the provider's name of the failure: its `code`, or else its `type`; empty if neither is known. */
function failureName(error: unknown): string {
  if (StreamProviderError.isInstance(error)) return knownName(error) ?? '';
  const body = APICallError.isInstance(error)
    ? error.responseBody
    : error instanceof UnexpectedResponseError
      ? error.body
      : undefined;
  try {
    const value = JSON.parse(body ?? '') as { error?: unknown } | null;
    return knownName(value?.error) ?? knownName(value) ?? '';
  } catch {
    return '';
  }
}

function knownName(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, type } = value as { code?: unknown; type?: unknown };
  return [code, type].find(
    (name): name is string => typeof name === 'string' && (NO_CREDIT.has(name) || STATUS_OF.has(name)),
  );
}

const inBrackets = (status: number | undefined): string => (status === undefined ? '' : ` (${status})`);
