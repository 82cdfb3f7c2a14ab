import { isUtf8 } from 'node:buffer';
import { Json } from '@cloutagent/contract';
import type { Settings } from '../../config/settings.js';
import { jsonBodyProblem } from '../../problems/json-body-problem.js';
import { ProblemError } from '../../problems/problem.error.js';

/** What a sender sent: JSON, the fields of a form, or a text. */
export type WebhookBody = Json;

type Limits = Pick<Settings, 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS'>;

/**
 * Reads the body of a webhook. A form is an object of its fields; a field that occurs several times is a list. A form with the
 * one field `payload` has JSON in it, as GitHub and Slack send it. A body of another type is a text, and an empty one is null.
 * @throws ProblemError 400 `malformed_json`, 400 `validation_failed`, 415 `unsupported_charset`
 */
export function readWebhookBody(body: Buffer, contentType: string | undefined, limits: Limits): WebhookBody {
  const type = (contentType ?? '').split(';')[0]!.trim().toLowerCase();
  if (body.length === 0) return null;
  if (type === 'application/json' || type.endsWith('+json')) return parseJson(body, limits);
  if (!isUtf8(body)) throw new ProblemError('unsupported_charset', 'Send the body in UTF-8.');
  const text = body.toString();
  if (type !== 'application/x-www-form-urlencoded') return text;
  const form = new URLSearchParams(text);
  const payload = form.get('payload');
  if (form.size === 1 && payload !== null) return parseJson(Buffer.from(payload), limits);
  if (form.size > limits.MAX_JSON_PARTS)
    throw new ProblemError(
      'validation_failed',
      `The form has more than ${limits.MAX_JSON_PARTS} fields (MAX_JSON_PARTS).`,
    );
  return fieldsOf(form);
}

/** Returns a member of a body if it is a text. */
export function memberOf(body: WebhookBody, name: string): string | undefined {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || !Object.hasOwn(body, name))
    return undefined;
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}

/** @throws ProblemError */
function parseJson(body: Buffer, limits: Limits): Json {
  const problem = jsonBodyProblem(body, 'utf-8', limits);
  if (problem) throw problem;
  try {
    return JSON.parse(body.toString()) as Json;
  } catch {
    throw new ProblemError('malformed_json');
  }
}

function fieldsOf(form: URLSearchParams): Json {
  const fields = new Map<string, Json>();
  for (const [name, value] of form) {
    const present = fields.get(name);
    if (present === undefined) fields.set(name, value);
    else if (Array.isArray(present)) present.push(value);
    else fields.set(name, [present, value]);
  }
  return Object.fromEntries(fields);
}
