import { STATUS_CODES } from 'node:http';
import { isObject, type JsonObject } from './wire/json-object.js';

/**
 * Providers' names of failures in lower case, with the matching status. In the middle of a stream an error has a name only.
 * The standard phrases of HTTP, such as `service_unavailable`, are names as well.
 */
const STATUS_OF = new Map<string, number>([
  ...Object.entries(STATUS_CODES)
    .filter(([status]) => Number(status) >= 400)
    .map(([status, phrase]) => [nameOf(phrase ?? ''), Number(status)] as const),
  ...Object.entries({
    // Anthropic
    overloaded_error: 529,
    rate_limit_error: 429,
    api_error: 500,
    timeout_error: 504,
    invalid_request_error: 400,
    billing_error: 402,
    authentication_error: 401,
    permission_error: 403,
    not_found_error: 404,
    request_too_large: 413,
    // OpenAI and servers that imitate it
    rate_limit_exceeded: 429,
    rate_limit_reached: 429,
    tokens: 429,
    requests: 429,
    server_error: 500,
    internal_error: 500,
    internal_server_exception: 500,
    service_unavailable_error: 503,
    server_overloaded: 503,
    engine_overloaded: 503,
    engine_overloaded_error: 503,
    model_overloaded: 503,
    overloaded: 529,
    timeout: 504,
    insufficient_quota: 402,
    invalid_api_key: 401,
    invalid_prompt: 400,
    context_length_exceeded: 400,
    string_above_max_length: 400,
    content_policy_violation: 400,
    model_not_found: 404,
    // Google
    invalid_argument: 400,
    failed_precondition: 400,
    out_of_range: 400,
    unauthenticated: 401,
    permission_denied: 403,
    aborted: 409,
    resource_exhausted: 429,
    internal: 500,
    unavailable: 503,
    deadline_exceeded: 504,
    // Mistral
    service_tier_capacity_exceeded: 429,
  }),
]);
/** Providers' names for an account without credit. The status is often 402 or 429, but a retry does not help. */
const NO_CREDIT = new Set([
  'insufficient_quota',
  'insufficient_balance',
  'insufficient_credits',
  'billing_error',
  'billing_hard_limit_reached',
  'billing_not_active',
]);

const MAX_DEPTH = 4;
/** Members that may contain the error itself. */
const INNER = ['error', 'errors', 'response', 'detail'];

/** What the parts of a failure say about it. */
export interface FailureNames {
  /** The status that the provider named, or that matches one of its names. */
  readonly status: number | undefined;
  readonly hasNoCredit: boolean;
}

/** Finds the names and the status of a failure in a value of any shape: in `code`, `type` and `status`, also deeper inside. */
export function failureNames(value: unknown): FailureNames {
  const found = [...namesIn(value, 0)];
  return {
    status: found.map(statusOfName).find((status) => status !== undefined),
    hasNoCredit: found.some((name) => typeof name === 'string' && NO_CREDIT.has(nameOf(name))),
  };
}

function* namesIn(value: unknown, depth: number): Generator {
  if (depth > MAX_DEPTH) return;
  if (typeof value === 'string') yield value;
  else if (Array.isArray(value)) for (const each of value.slice(0, 3)) yield* namesIn(each, depth + 1);
  else if (isObject(value)) {
    for (const inner of INNER) yield* namesIn(value[inner], depth + 1);
    yield* ownNames(value);
  }
}

function* ownNames({ code, type, status, status_code, statusCode, message }: JsonObject): Generator {
  yield* [code, type, status, status_code, statusCode];
  // Some proxies have the phrase of HTTP as their message.
  if (typeof message === 'string' && message.length < 64) yield message;
}

function statusOfName(name: unknown): number | undefined {
  if (typeof name === 'number') return isStatus(name) ? name : undefined;
  if (typeof name !== 'string' || name.length > 128) return undefined;
  const text = name.trim();
  if (/^[45]\d\d$/.test(text)) return Number(text);
  // Such as `503 Service Unavailable`.
  const [, number, phrase] = /^([45]\d\d)\s+(.+)$/.exec(text) ?? [];
  if (phrase !== undefined && STATUS_OF.get(nameOf(phrase)) === Number(number)) return Number(number);
  return STATUS_OF.get(nameOf(text));
}

const isStatus = (number: number): boolean => Number.isInteger(number) && number >= 400 && number <= 599;

/** Brings `Service Unavailable` and `SERVICE-UNAVAILABLE` into the form of the names above. */
function nameOf(text: string): string {
  return text
    .trim()
    .replace(/[.!]$/, '')
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
}
