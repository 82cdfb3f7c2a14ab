import { json, type Request, type RequestHandler } from 'express';
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Settings } from './config/settings.js';
import { jsonShape } from './common/json-shape.js';
import { ProblemError, ValidationFailedError } from './problems/problem.error.js';

/** JSON bodies, within bounds. What has none, as most that watch, passes by. */
export function readBody(settings: Settings): RequestHandler {
  const parse = json({
    limit: settings.BODY_MAX_BYTES,
    strict: false,
    type: ['application/json', 'application/*+json'],
    verify: (request: Checked, _response, body, encoding) => {
      request.problem = problemOf(body, encoding, settings);
      // body-parser changes the status of what is thrown here.
      if (request.problem) throw new Error(request.problem.message);
    },
  });
  const missing = (request: Request): ProblemError | undefined => {
    const sent =
      Number(request.headers['content-length'] ?? 0) > 0 ||
      request.headers['transfer-encoding'] !== undefined;
    if (sent && request.body === undefined && request.method === 'POST')
      return new ProblemError('unsupported_media_type');
    return undefined;
  };
  return (request, response, next) => {
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) next();
    else {
      if (headers['content-type'] !== undefined) headers['content-type'] = inUtf8(headers['content-type']);
      parse(request, response, (error?: unknown) =>
        next(error === undefined ? missing(request) : ((request as Checked).problem ?? error)),
      );
    }
  };
}

interface Checked extends IncomingMessage {
  /** What is wrong with the body. */
  problem?: ProblemError | undefined;
}

/** Before it is parsed: the loop stands still meanwhile, and for longer the more parts there are. */
function problemOf(body: Buffer, encoding: string, settings: Settings): ProblemError | undefined {
  if (encoding !== 'utf-8') return new ProblemError('unsupported_charset');
  if (!isUtf8(body))
    return new ProblemError(
      'malformed_json',
      'The body is not JSON, as it is not UTF-8. Send JSON in UTF-8 (RFC 8259, section 8.1).',
    );
  const { depth, parts, inexact } = jsonShape(body);
  const { MAX_JSON_DEPTH: deepest, MAX_JSON_PARTS: most } = settings;
  const messages: string[] = [];
  if (depth > deepest) messages.push(`JSON may be nested ${deepest} deep (MAX_JSON_DEPTH)`);
  if (parts > most)
    messages.push(
      `JSON may have ${most} lists, objects and members of objects, and this has ${parts} (MAX_JSON_PARTS)`,
    );
  if (inexact !== undefined)
    messages.push(
      `the integer ${inexact.slice(0, 50)} would be changed: numbers are exact up to 2^53 - 1, so send it as text`,
    );
  if (messages.length === 0) return undefined;
  return new ValidationFailedError(messages.map((message) => ({ path: '', message })));
}

/** Names UTF-8 as body-parser knows it; `utf8` and others mean the same (Encoding Standard, section 4.2), and ASCII is a part of it. */
function inUtf8(contentType: string): string {
  return contentType.replace(
    /(;\s*charset\s*=\s*)("?)([^\s";]+)\2/i,
    (all, before: string, _quote, label: string) => (meansUtf8(label) ? `${before}utf-8` : all),
  );
}

function meansUtf8(label: string): boolean {
  try {
    return /^(us-)?ascii$/i.test(label) || new TextDecoder(label).encoding === 'utf-8';
  } catch {
    return false;
  }
}
