import { isUtf8 } from 'node:buffer';
import { jsonShape } from '../common/json-shape.js';
import type { Settings } from '../config/settings.js';
import { ProblemError, ValidationFailedError } from './problem.error.js';

export interface JsonLimits extends Pick<Settings, 'MAX_JSON_DEPTH' | 'MAX_JSON_PARTS'> {
  /** The setting that `MAX_JSON_PARTS` comes from. */
  partsSetting?: string;
}

/**
 * Checks a JSON body before it is parsed, because parsing blocks the event loop, and for longer the more parts the body has.
 * @returns why the body is refused
 */
export function jsonBodyProblem(
  body: Buffer,
  encoding: string,
  limits: JsonLimits,
): ProblemError | undefined {
  if (encoding !== 'utf-8') return new ProblemError('unsupported_charset');
  if (!isUtf8(body))
    return new ProblemError(
      'malformed_json',
      'The body is not valid JSON, because it is not UTF-8. Send JSON in UTF-8 (RFC 8259, section 8.1).',
    );
  const { depth, parts, inexact } = jsonShape(body);
  const { MAX_JSON_DEPTH: maxDepth, MAX_JSON_PARTS: maxParts, partsSetting = 'MAX_JSON_PARTS' } = limits;
  const messages: string[] = [];
  if (depth > maxDepth) messages.push(`JSON must not be nested more than ${maxDepth} deep (MAX_JSON_DEPTH)`);
  if (parts > maxParts)
    messages.push(
      `JSON must not have more than ${maxParts} arrays, objects and members of objects, but this has ${parts} (${partsSetting})`,
    );
  if (inexact !== undefined)
    messages.push(
      `the integer ${inexact.slice(0, 50)} would lose digits, because numbers are exact only up to 2^53 - 1: send it as a string`,
    );
  if (messages.length === 0) return undefined;
  return new ValidationFailedError(messages.map((message) => ({ path: '', message })));
}
