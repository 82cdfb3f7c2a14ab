import { json, raw, type Request, type RequestHandler, text } from 'express';
import type { IncomingMessage } from 'node:http';
import type { Settings } from './config/settings.js';
import { jsonBodyProblem, type JsonLimits } from './problems/json-body-problem.js';
import { ProblemError } from './problems/problem.error.js';

const SIGNALS = /^\/api\/executions\/[^/]+\/signals\/[^/]+\/?$/i;
const BATCHES = /^\/api\/executions\/batch\/?$/i;
/** The depth of each item is checked with the item, so that one that is too deep does not stop the others. */
const BATCH_MAX_DEPTH = 1_002;
const HOOKS = /^\/api\/hooks\/[^/]+\/[^/]+\/?$/i;
const CALLBACKS = /^\/api\/callbacks\/[^/]+\/?$/i;

/**
 * Parses JSON bodies within the limits of the settings. Requests without a body skip the parser, as most requests do. Batches,
 * signals and callbacks have limits of their own, and a callback that is not JSON is read as a text. The bytes of a request to a
 * trigger are kept as they are, because its signature covers them.
 */
export function readBody(settings: Settings): RequestHandler {
  const parse = readJson(settings, settings.BODY_MAX_BYTES);
  const parseBatch = readJson(
    {
      MAX_JSON_DEPTH: BATCH_MAX_DEPTH,
      MAX_JSON_PARTS: settings.BATCH_MAX_JSON_PARTS,
      partsSetting: 'BATCH_MAX_JSON_PARTS',
    },
    settings.BATCH_MAX_BYTES,
  );
  const parseSignal = readJson(settings, settings.SIGNAL_MAX_BYTES);
  const parseText = withinLimit(
    text({ limit: settings.SIGNAL_MAX_BYTES, type: () => true }),
    settings.SIGNAL_MAX_BYTES,
  );
  const keepBytes = withinLimit(
    raw({ limit: settings.TRIGGER_MAX_BYTES, type: () => true }),
    settings.TRIGGER_MAX_BYTES,
  );
  return (request, response, next) => {
    const { path } = request;
    if (HOOKS.test(path)) keepBytes(request, response, next);
    else if (BATCHES.test(path)) parseBatch(request, response, next);
    else if (SIGNALS.test(path)) parseSignal(request, response, next);
    else if (!CALLBACKS.test(path)) parse(request, response, next);
    else if (isJson(request)) parseSignal(request, response, next);
    else parseText(request, response, next);
  };
}

const JSON_TYPES = ['application/json', 'application/*+json'];
const isJson = (request: Request): boolean => typeof request.is(JSON_TYPES) === 'string';

/**
 * Refuses a body as soon as more bytes arrive than the limit allows. body-parser reads the body to its end before it
 * reports that, which a slow client can delay. The rest of the body is read and discarded.
 */
const withinLimit =
  (parse: RequestHandler, limit: number): RequestHandler =>
  (request, response, next) => {
    let received = 0;
    let isDone = false;
    const done = (error?: unknown) => {
      if (isDone) return;
      isDone = true;
      request.off('data', count);
      next(error);
    };
    const count = (chunk: Buffer) => {
      received += chunk.length;
      if (received > limit) done(new ProblemError('body_too_large'));
    };
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      done(new ProblemError('body_too_large'));
      return;
    }
    request.on('data', count);
    void parse(request, response, done);
  };

function readJson(limits: JsonLimits, limit: number): RequestHandler {
  const parseAll = json({
    limit,
    strict: false,
    type: JSON_TYPES,
    verify: (request: VerifiedRequest, _response, body, encoding) => {
      request.problem = jsonBodyProblem(body, encoding, limits);
      // body-parser replaces the status of an error that is thrown here, so the problem is kept on the request.
      if (request.problem) throw new Error(request.problem.message);
    },
  });
  const parse = withinLimit(parseAll, limit);
  const unsupportedType = (request: Request): ProblemError | undefined => {
    const hasBody =
      Number(request.headers['content-length'] ?? 0) > 0 ||
      request.headers['transfer-encoding'] !== undefined;
    if (hasBody && request.body === undefined && ['POST', 'PUT'].includes(request.method))
      return new ProblemError('unsupported_media_type');
    return undefined;
  };
  return (request, response, next) => {
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) next();
    else {
      if (headers['content-type'] !== undefined)
        headers['content-type'] = normalizeCharset(headers['content-type']);
      parse(request, response, (error?: unknown) =>
        next(
          error === undefined ? unsupportedType(request) : ((request as VerifiedRequest).problem ?? error),
        ),
      );
    }
  };
}

interface VerifiedRequest extends IncomingMessage {
  /** Why the body is refused. */
  problem?: ProblemError | undefined;
}

/**
 * Writes the charset in the form that body-parser knows. `utf8` and other labels mean UTF-8 too (Encoding Standard, section
 * 4.2), and ASCII is a subset of it.
 */
function normalizeCharset(contentType: string): string {
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
