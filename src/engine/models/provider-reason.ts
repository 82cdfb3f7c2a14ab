import { APICallError, JSONParseError, StreamProviderError, TypeValidationError } from 'ai';
import type { SecretRedactor } from '../../config/secret-redactor.js';
import { UnexpectedAnswerError } from './unexpected-answer.js';

const MOST_CHARACTERS = 500;
const MOST_ITEMS = 3;
const MOST_DEPTH = 6;
/** Members that hold a sentence for people, or lead to one, in the order in which they are tried. */
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
] as const;

/**
 * What a model's provider said of a call that failed, in whatever shape, as one line of at most 500 characters.
 * @returns nothing when it said nothing
 */
export function providerReason(error: unknown, secrets: SecretRedactor): string | undefined {
  const said = saidIn(error);
  if (said === undefined) return undefined;
  const line = secrets
    .text(said)
    // Providers quote keys, masked or not; whoever watches should not see even the rest.
    .replace(/\b(sk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[redacted]')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line === '' ? undefined : line.slice(0, MOST_CHARACTERS).toWellFormed();
}

function saidIn(error: unknown): string | undefined {
  if (error instanceof UnexpectedAnswerError) return inBody(error.body);
  if (APICallError.isInstance(error)) return inBody(error.responseBody ?? '') ?? connectionCode(error);
  if (StreamProviderError.isInstance(error)) return error.message;
  // An event of a stream that is no part of an answer.
  if (TypeValidationError.isInstance(error)) return inJson(error.value);
  if (JSONParseError.isInstance(error)) return /^\s*[[{"]/.test(error.text) ? undefined : error.text;
  return connectionCode(error);
}

function inBody(body: string): string | undefined {
  const text = body.trim();
  if (text === '') return undefined;
  try {
    const value = JSON.parse(text) as unknown;
    // A shape that is not known is shown as it is.
    return inJson(value) ?? text;
  } catch {
    return text.startsWith('<') ? textOfHtml(text) : text;
  }
}

function inJson(value: unknown, depth = 0): string | undefined {
  if (depth > MOST_DEPTH) return undefined;
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (Array.isArray(value)) {
    const reasons = value.slice(0, MOST_ITEMS).flatMap((item) => inJson(item, depth + 1) ?? []);
    return reasons.length === 0 ? undefined : reasons.join('; ');
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const members = value as Record<string, unknown>;
  const found = REASONS.flatMap((name) => inJson(members[name], depth + 1) ?? []);
  // `error` is often just a name, as in `{ "error": "Bad Request", "message": "…" }`.
  const isName = typeof members['error'] === 'string' && found.length > 1;
  const reasons = [...new Set(found.slice(0, isName ? 2 : 1)), ...behindGateway(members)];
  return reasons.length === 0 ? undefined : `${placeIn(members)}${reasons.join(': ')}`;
}

/** What a gateway such as OpenRouter passes on from the provider behind it. */
function behindGateway({ metadata }: Record<string, unknown>): string[] {
  const raw =
    typeof metadata === 'object' && metadata !== null && 'raw' in metadata ? metadata.raw : undefined;
  return typeof raw === 'string' && raw.trim() !== '' ? [raw] : [];
}

/** FastAPI says where in the request the fault is. */
const placeIn = ({ loc }: Record<string, unknown>): string =>
  Array.isArray(loc) ? `${loc.join('.')}: ` : '';

const textOfHtml = (html: string): string =>
  html
    .slice(0, 20_000)
    .replace(/<(script|style|head)\b[^]*?<\/\1\s*>/gi, ' ')
    .replace(/<[^>]*>/g, ' ');

/** Why a connection could not be made or broke: a code, else what the first cause says. */
function connectionCode(error: unknown): string | undefined {
  let message: string | undefined;
  let current: unknown = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < MOST_DEPTH; depth += 1) {
    const { code, cause, errors, message: own } = current as Partial<AggregateError> & { code?: unknown };
    if (typeof code === 'string') return code;
    if (depth > 0) message = own;
    // Several addresses were tried.
    current = (errors as unknown[] | undefined)?.[0] ?? cause;
  }
  return message;
}
