import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { json, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { randomUUID } from 'node:crypto';
import { InvalidSettingsError, type Settings } from './config/settings.js';
import { ProblemError, ValidationFailedError } from './problems/problem.error.js';
import { ProblemFilter } from './problems/problem.filter.js';

const MOST_ERRORS = 100;

/** Everything about HTTP that is not a module's; shared by main and the e2e tests. */
export function configureApp(app: NestExpressApplication, settings: Settings): void {
  app.disable('x-powered-by');
  app.disable('etag');
  trustProxy(app, settings.TRUST_PROXY);
  app.use(identify);
  const everywhere = headers({});
  // Swagger UI's page has a <style> of its own and its style sheet images as data: URLs.
  const documentation = headers({ styleSrc: ["'self'", "'unsafe-inline'"], imgSrc: ["'self'", 'data:'] });
  app.use((request: Request, response: Response, next: NextFunction) =>
    (/^\/docs(\/|$)/i.test(request.path) ? documentation : everywhere)(request, response, next),
  );
  const any = settings.CORS_ORIGINS.includes('*');
  app.enableCors({
    origin: any ? '*' : [...settings.CORS_ORIGINS],
    credentials: false,
    methods: ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS'],
    allowedHeaders: [
      'Authorization',
      'X-API-Key',
      'Content-Type',
      'Idempotency-Key',
      'Last-Event-ID',
      'X-Request-Id',
      'Cache-Control',
    ],
    exposedHeaders: [
      'Location',
      'Retry-After',
      'RateLimit-Limit',
      'RateLimit-Remaining',
      'RateLimit-Reset',
      'X-Request-Id',
      'Idempotency-Replayed',
    ],
    maxAge: 600,
  });
  app.use(
    json({
      limit: settings.BODY_LIMIT_BYTES,
      strict: false,
      type: ['application/json', 'application/*+json'],
    }),
  );
  app.use((request: Request, _response: Response, next: NextFunction) => {
    const tooDeep = isDeeperThan(request.body, settings.MAX_JSON_DEPTH);
    next(
      tooDeep
        ? new ValidationFailedError([
            { path: '', message: `JSON may be nested ${settings.MAX_JSON_DEPTH} deep (MAX_JSON_DEPTH)` },
          ])
        : undefined,
    );
  });
  app.use((request: Request, _response: Response, next: NextFunction) => {
    const sent =
      Number(request.headers['content-length'] ?? 0) > 0 ||
      request.headers['transfer-encoding'] !== undefined;
    const unread = sent && request.body === undefined && request.method === 'POST';
    next(
      unread
        ? new ProblemError(415, 'unsupported_media_type', 'Send the body as Content-Type: application/json.')
        : undefined,
    );
  });
  app.useGlobalPipes(
    new ValidationPipe({
      exceptionFactory: (issues) =>
        new ValidationFailedError(
          issues.slice(0, MOST_ERRORS).map(({ path = [], message }) => ({
            path: path
              .map((segment) => String(typeof segment === 'object' ? segment.key : segment))
              .join('.'),
            message,
          })),
        ),
    }),
  );
  app.useGlobalFilters(new ProblemFilter());
}

/** @throws InvalidSettingsError */
function trustProxy(app: NestExpressApplication, given: string): void {
  if (given === '' || given === 'false') return;
  const value = given === 'true' ? true : /^\d+$/.test(given) ? Number(given) : given;
  try {
    app.set('trust proxy', value);
  } catch (error) {
    throw new InvalidSettingsError(
      `TRUST_PROXY: ${(error as Error).message} (is ${JSON.stringify(given)}). It takes the number of proxies in front, ` +
        'or their addresses, for example 1 or loopback,10.0.0.0/8',
      { cause: error },
    );
  }
}

function headers(relaxed: Record<string, string[]>): ReturnType<typeof helmet> {
  return helmet({
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    contentSecurityPolicy: {
      // The defaults allow any https: font and style, and upgrade-insecure-requests, which would break the
      // pages of a server without TLS: whether there is any is the proxy's matter.
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        objectSrc: ["'none'"],
        ...relaxed,
      },
    },
  });
}

function identify(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('X-Request-Id') ?? '';
  request.requestId = /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', request.requestId);
  next();
}

class ValidationPipe extends StandardSchemaValidationPipe {
  /**
   * Nest would take every member called `constructor`, `prototype` or `__proto__` out of what was sent, at any
   * depth: an input would lose them without a word. Schemas decide what is taken, and nothing here merges objects.
   */
  protected override stripProtoKeys(): void {}
}

/** Level by level, so that hostile depth costs no stack. */
function isDeeperThan(value: unknown, most: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    level = level.filter((item) => typeof item === 'object' && item !== null);
    if (level.length > 0 && depth >= most) return true;
    level = level.flatMap((item) => Object.values(item as object) as unknown[]);
  }
  return false;
}
