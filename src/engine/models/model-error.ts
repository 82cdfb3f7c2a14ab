import { APICallError, InvalidResponseDataError, JSONParseError } from '@ai-sdk/provider';
import { StreamProviderError, TypeValidationError } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { Logger } from '../../logging/logger.js';
import { retryAfterMs } from '../http/retry-after.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { type FailureNames, failureNames } from './failure-status.js';
import { providerReason } from './provider-reason.js';
import { UnexpectedResponseError } from './unexpected-response.js';
import { isObject } from './wire/json-object.js';
import { StreamEndedEarlyError } from './wire/stream-ended-early-error.js';

const logger = new Logger('ModelError');
const MAX_CAUSES = 6;
/** Anthropic reports missing credit in the message of an `invalid_request_error`. */
const NO_CREDIT_SENTENCE = /\b(credit balance is too low|insufficient (quota|balance|credits?|funds))\b/i;
/** The codes of connections that broke. */
const BROKEN_CONNECTION = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Turns the error of a failed model call into the error of its node: transient or permanent. An error that is not known is
 * permanent (`model_failed`), because a retry costs money. The message ends with the provider's own explanation, without
 * secrets.
 */
export function modelError(error: unknown, secrets: SecretRedactor): NodeError {
  const own = findCause(error, (each) => each instanceof NodeError);
  if (own) return own;
  const reason = providerReason(error, secrets);
  const { status, hasNoCredit } = namesOf(error);
  const retryAfter = APICallError.isInstance(error) ? retryAfterMs(error.responseHeaders) : undefined;
  const withReason = (sentence: string) => (reason === undefined ? `${sentence}.` : `${sentence}: ${reason}`);
  const permanent = (code: string, sentence: string) =>
    new NodeError(code, withReason(sentence), { cause: error });
  const transient = (code: string, sentence: string) =>
    new TransientError(code, withReason(sentence), retryAfter, { cause: error });

  const mayBeRefusal = status === undefined || (status >= 400 && status < 500);
  if (status === 402 || hasNoCredit || (mayBeRefusal && NO_CREDIT_SENTENCE.test(reason ?? '')))
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
  if (findCause(error, (each) => each instanceof UnexpectedResponseError))
    return permanent(
      'model_refused_request',
      "The model provider did not respond with an event stream; check the provider's base URL",
    );
  if (APICallError.isInstance(error) && error.statusCode === undefined)
    return transient('model_unavailable', 'The model provider cannot be reached');
  if (isBroken(error))
    return transient('model_stream_broken', "The model's response ended early or was malformed");
  // The engine logs a failure only if it ends the execution.
  const cause = error instanceof Error ? error : new Error(reason ?? 'the provider gave no reason');
  logger.warn('a call of a model failed in a way that this server does not know', cause);
  return permanent('model_failed', 'The call of the model failed in a way that this server does not know');
}

/** Finds the status of a failure, and whether the provider says that the account has no credit. */
function namesOf(error: unknown): FailureNames {
  const unexpected = findCause(error, (each) => each instanceof UnexpectedResponseError);
  if (unexpected) return failureNames(parsed(unexpected.body));
  if (APICallError.isInstance(error)) {
    const { statusCode, data, responseBody } = error;
    // The AI SDK makes the status 500 of each error that arrives in a stream before any output.
    if (isFrame(data)) return failureNames(data);
    const isFailed = statusCode !== undefined && statusCode >= 300;
    return {
      status: isFailed ? statusCode : undefined,
      hasNoCredit: isFailed && failureNames(parsed(responseBody)).hasNoCredit,
    };
  }
  if (StreamProviderError.isInstance(error)) {
    const { data, type, code, message } = error;
    // The AI SDK guesses a status for errors that it does not know. What the provider sent is in `data`, perhaps twice.
    const sent = isObject(data) && isObject(data['data']) ? data['data'] : data;
    return failureNames(isObject(sent) ? sent : { type, code, message });
  }
  if (TypeValidationError.isInstance(error)) return failureNames(error.value);
  if (JSONParseError.isInstance(error)) return failureNames(error.text);
  return failureNames(error instanceof Error ? undefined : error);
}

/** Whether the data of an APICallError is an event of OpenAI's Responses API. */
const isFrame = (data: unknown): boolean =>
  isObject(data) &&
  (data['type'] === 'response.failed' ||
    (data['type'] === 'error' && ('sequence_number' in data || typeof data['message'] === 'string')));

/** Whether the stream ended early, or was damaged on its way. */
function isBroken(error: unknown): boolean {
  // The status was in order, so the body could not be read.
  if (APICallError.isInstance(error)) return (error.statusCode ?? 0) < 300;
  if (JSONParseError.isInstance(error)) return /^\s*[[{"]/.test(error.text);
  if (InvalidResponseDataError.isInstance(error)) return error.data === undefined;
  return (
    findCause(error, (each) => each instanceof StreamEndedEarlyError) !== undefined ||
    findCause(error, hasBrokenConnection) !== undefined
  );
}

const hasBrokenConnection = (error: unknown): error is Error =>
  error instanceof Error && BROKEN_CONNECTION.has(String((error as { code?: unknown }).code));

/** Finds the first error that fits, among an error and its causes. */
function findCause<Found extends Error>(
  error: unknown,
  isFit: (each: unknown) => each is Found,
): Found | undefined {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth += 1) {
    if (isFit(current)) return current;
    current = current.cause;
  }
  return undefined;
}

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}

const inBrackets = (status: number | undefined): string => (status === undefined ? '' : ` (${status})`);
