import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { InvalidSettingsError, type Settings } from './config/settings.js';
import { corsOptions } from './cors.js';
import { allowedMethods } from './problems/allowed-methods.js';
import { readBody } from './request-body.js';
import { responseHeaders } from './response-headers.js';

/**
 * Configures HTTP for all modules: proxies, request ids, headers, CORS and bodies. The server and the end-to-end tests
 * use it.
 * @throws InvalidSettingsError
 */
export function configureApp(app: NestExpressApplication, settings: Settings): void {
  app.disable('x-powered-by');
  app.disable('etag');
  trustProxy(app, settings.TRUST_PROXY);
  app.use(assignRequestId);
  app.use(responseHeaders(settings));
  app.use(allowOnOptions);
  app.enableCors(corsOptions(settings));
  app.use(readBody(settings));
}

/** @throws InvalidSettingsError */
function trustProxy(app: NestExpressApplication, given: string): void {
  if (given === '' || given === 'false') return;
  const value = given === 'true' ? true : /^\d+$/.test(given) ? Number(given) : given;
  try {
    app.set('trust proxy', value);
  } catch (error) {
    throw new InvalidSettingsError(
      `TRUST_PROXY: ${(error as Error).message} (is ${JSON.stringify(given)}). Set it to the number of proxies in front of ` +
        'the server or to their addresses, for example 1 or loopback,10.0.0.0/8',
      { cause: error },
    );
  }
}

/** Adds `Allow` to the answer of an OPTIONS request, which is the CORS middleware's (RFC 9110, section 9.3.7). */
function allowOnOptions(request: Request, response: Response, next: NextFunction): void {
  if (request.method === 'OPTIONS') {
    const methods = allowedMethods(request);
    if (methods.length > 0) response.setHeader('Allow', methods.join(', '));
  }
  next();
}

/** Keeps the client's X-Request-Id if it is short and harmless, or makes one. The response has it too. */
function assignRequestId(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('X-Request-Id') ?? '';
  request.requestId = /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', request.requestId);
  next();
}
