import { json, type Request, type RequestHandler } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Settings } from './config/settings.js';
import { isDeeperThan } from './json/depth.js';
import { inexactInteger } from './json/exact-integers.js';
import { ProblemError, ValidationFailedError } from './problems/problem.error.js';

/** JSON bodies, within bounds. What has none, as most that watch, passes by. */
export function readBody(settings: Settings): RequestHandler {
  const parse = json({
    limit: settings.BODY_LIMIT_BYTES,
    strict: false,
    type: ['application/json', 'application/*+json'],
    verify: (request: WithText, _response, body, encoding) => {
      // What JSON itself consists of is ASCII; in UTF-16 and UTF-32 with zeros between.
      const latin1 = () => body.toString('latin1');
      request.text = encoding === 'utf-8' ? latin1 : () => latin1().replaceAll('\0', '');
    },
  });
  const problemOf = (request: Request & WithText): ProblemError | undefined => {
    const { text = () => '' } = request;
    delete request.text;
    if (isDeeperThan(request.body, settings.MAX_JSON_DEPTH))
      return new ValidationFailedError([
        { path: '', message: `JSON may be nested ${settings.MAX_JSON_DEPTH} deep (MAX_JSON_DEPTH)` },
      ]);
    const inexact = inexactInteger(request.body, text);
    if (inexact !== undefined)
      return new ValidationFailedError([{ path: '', message: inexactMessage(inexact) }]);
    const sent =
      Number(request.headers['content-length'] ?? 0) > 0 ||
      request.headers['transfer-encoding'] !== undefined;
    if (sent && request.body === undefined && request.method === 'POST')
      return new ProblemError(
        415,
        'unsupported_media_type',
        'Send the body as Content-Type: application/json.',
      );
    return undefined;
  };
  return (request, response, next) => {
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) next();
    else {
      if (headers['content-type'] !== undefined) headers['content-type'] = inUtf8(headers['content-type']);
      parse(request, response, (error?: unknown) => next(error === undefined ? problemOf(request) : error));
    }
  };
}

interface WithText extends IncomingMessage {
  /** The body as it came. */
  text?: () => string;
}

const inexactMessage = (integer: string): string =>
  `the integer ${integer.slice(0, 50)} would be changed: numbers are exact up to 2^53 - 1, so send it as text`;

/** Names UTF-8 as body-parser knows it; `utf8` and others mean the same (Encoding Standard, section 4.2), and ASCII is a part of it. */
function inUtf8(contentType: string): string {
  return contentType.replace(
    /(;\s*charset\s*=\s*)("?)([^\s";]+)\2/i,
    (all, before: string, _quote, label: string) => (isUtf8(label) ? `${before}utf-8` : all),
  );
}

function isUtf8(label: string): boolean {
  try {
    return /^(us-)?ascii$/i.test(label) || new TextDecoder(label).encoding === 'utf-8';
  } catch {
    return false;
  }
}
