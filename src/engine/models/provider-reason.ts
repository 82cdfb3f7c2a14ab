import { APICallError, JSONParseError, StreamProviderError, TypeValidationError } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { UnexpectedResponseError } from './unexpected-response.js';

const MAX_CHARACTERS = 500;
/** Of a value of unknown shape, before secrets are removed. */
const MAX_JSON_CHARACTERS = 20_000;
const MAX_ITEMS = 3;
const MAX_DEPTH = 6;
/** Members that contain a readable sentence, directly or deeper inside, in the order in which they are tried. */
const REASONS = [
  'error',
  'errors',
  'message',
  'msg',
  'detail',
  'details',
  'error_description',
  'error_message',
  'status_msg',
  'base_resp',
  'reason',
  'description',
  'title',
  'response',
] as const;

/**
 * Extracts the provider's explanation of a failed call from a body or error of any shape.
 * @returns one line of at most 500 characters, without secrets; undefined if there is no explanation
 */
export function providerReason(error: unknown, secrets: SecretRedactor): string | undefined {
  const text = textOf(error);
  if (text === undefined) return undefined;
  const line = secrets
    .text(text)
    // Providers quote keys, whole or masked. Users of the server must not see even parts of them.
    .replace(/\b(sk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[redacted]')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line === '' ? undefined : line.slice(0, MAX_CHARACTERS).toWellFormed();
}

function textOf(error: unknown): string | undefined {
  if (error instanceof UnexpectedResponseError) return inBody(error.body);
  if (APICallError.isInstance(error)) {
    const { cause } = error;
    if (cause instanceof UnexpectedResponseError) return inBody(cause.body);
    return inBody(error.responseBody ?? '') ?? connectionCode(error);
  }
  if (StreamProviderError.isInstance(error)) return namedMessage(error);
  // An event of the stream that does not fit the response format. One of unknown shape is shown unchanged.
  if (TypeValidationError.isInstance(error))
    return inJson(error.value) ?? JSON.stringify(error.value)?.slice(0, MAX_JSON_CHARACTERS);
  if (JSONParseError.isInstance(error)) return /^\s*[[{"]/.test(error.text) ? undefined : error.text;
  if (!(error instanceof Error)) return inJson(error);
  return connectionCode(error) ?? error.message;
}

/** A name helps to find out what an error means if its message says little. */
function namedMessage({ type, code, message }: StreamProviderError): string {
  const name = [code, type].find((each) => typeof each === 'string' && each !== '' && each !== 'error');
  return name === undefined || message.includes(String(name)) ? message : `${name}: ${message}`;
}

function inBody(body: string): string | undefined {
  const text = body.trim();
  if (text === '') return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    // A body of unknown shape is shown unchanged.
    return inJson(value) ?? text;
  } catch {
    return text.startsWith('<') ? textOfHtml(text) : text;
  }
}

function inJson(value: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (Array.isArray(value)) {
    const reasons = value.slice(0, MAX_ITEMS).flatMap((item) => inJson(item, depth + 1) ?? []);
    return reasons.length === 0 ? undefined : reasons.join('; ');
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const members = value as Record<string, unknown>;
  const found = REASONS.flatMap((name) => inJson(members[name], depth + 1) ?? []);
  // `error` is often only a name, as in `{ "error": "Bad Request", "message": "…" }`: the message is shown as well.
  const isName = typeof members['error'] === 'string' && found.length > 1;
  const reasons = [...new Set(found.slice(0, isName ? 2 : 1)), ...upstreamError(members)];
  return reasons.length === 0 ? undefined : `${locationIn(members)}${reasons.join(': ')}`;
}

/** The upstream provider's error, as a gateway such as OpenRouter passes it on. */
function upstreamError({ metadata }: Record<string, unknown>): string[] {
  const raw =
    typeof metadata === 'object' && metadata !== null && 'raw' in metadata ? metadata.raw : undefined;
  return typeof raw === 'string' && raw.trim() !== '' ? [raw] : [];
}

/** FastAPI names the invalid part of the request in `loc`. */
const locationIn = ({ loc }: Record<string, unknown>): string =>
  Array.isArray(loc) ? `${loc.join('.')}: ` : '';

/** Returns the text of a page, or else its title. The time grows only linearly with the page, which may be hostile. */
function textOfHtml(html: string): string | undefined {
  const page = html.slice(0, 20_000);
  const text = page
    .replace(/<(script|style|head)\b[^]*?(?:<\/\1\s*>|$)/gi, ' ')
    .replace(/<[^<>]*>/g, ' ')
    .trim();
  return text === '' ? /<title\b[^<>]*>([^<]*)/i.exec(page)?.[1] : text;
}

/** Explains a connection failure: the first error code among the causes, or else the message of the deepest cause. */
function connectionCode(error: unknown): string | undefined {
  let message: string | undefined;
  let current: unknown = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < MAX_DEPTH; depth += 1) {
    const { code, cause, errors, message: own } = current as Partial<AggregateError> & { code?: unknown };
    if (typeof code === 'string') return code;
    if (depth > 0) message = own;
    // An AggregateError has one error for each address that was tried.
    current = (errors as unknown[] | undefined)?.[0] ?? cause;
  }
  return message;
}
