import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import helmet from 'helmet';
import { randomUUID } from 'node:crypto';
import { SecretRedactor } from './config/secret-redactor.js';
import { InvalidSettingsError, type Settings } from './config/settings.js';
import { withLogMembers } from './logging/log-context.js';
import { ValidationFailedError } from './problems/problem.error.js';
import { ProblemFilter } from './problems/problem.filter.js';
import { readBody } from './request-body.js';

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
  app.use((request: Request, response: Response, next: NextFunction) => {
    (/^\/docs(\/|$)/i.test(request.path) ? documentation : everywhere)(response);
    next();
  });
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
  app.use(readBody(settings));
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
  app.useGlobalFilters(new ProblemFilter(app.get(SecretRedactor)));
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

/** Helmet's headers. They are the same for all answers, so its twelve middlewares run once and not for each. */
function headers(relaxed: Record<string, string[]>): (response: Response) => void {
  const values: [name: string, value: string][] = [];
  const recorder = {
    setHeader: (name: string, value: string) => values.push([name, value]),
    removeHeader: () => undefined,
  };
  helmet({
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
  })({} as Request, recorder as unknown as Response, (error?: unknown) => {
    if (error instanceof Error) throw error;
  });
  return (response) => {
    for (const [name, value] of values) response.setHeader(name, value);
  };
}

function identify(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('X-Request-Id') ?? '';
  request.requestId = /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', request.requestId);
  withLogMembers({ requestId: request.requestId }, next);
}

class ValidationPipe extends StandardSchemaValidationPipe {
  /** Some clients write lists as `name[]=a&name[]=b`. Unknown parameters are ignored: without a word, all would be shown. */
  override transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    const lists =
      metadata.type === 'query' ? Object.keys(value as object).filter((key) => /\[.*\]$/.test(key)) : [];
    if (lists.length > 0)
      throw new ValidationFailedError(
        lists.map((path) => ({ path, message: `lists are written ${path.replace(/\[.*\]$/, '')}=a,b` })),
      );
    return super.transform(value, metadata);
  }

  /**
   * Nest would take every member called `constructor`, `prototype` or `__proto__` out of what was sent, at any
   * depth: an input would lose them without a word. Schemas decide what is taken, and nothing here merges objects.
   */
  protected override stripProtoKeys(): void {}
}
