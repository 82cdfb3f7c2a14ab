import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { SecretRedactor } from './config/secret-redactor.js';
import { InvalidSettingsError, type Settings } from './config/settings.js';
import { corsOptions } from './cors.js';
import { ValidationFailedError } from './problems/problem.error.js';
import { ProblemFilter } from './problems/problem.filter.js';
import { readBody } from './request-body.js';
import { responseHeaders } from './response-headers.js';

const MOST_ERRORS = 100;

/** Everything about HTTP that is not a module's; shared by main and the e2e tests. */
export function configureApp(app: NestExpressApplication, settings: Settings): void {
  app.disable('x-powered-by');
  app.disable('etag');
  trustProxy(app, settings.TRUST_PROXY);
  app.use(identify);
  app.use(responseHeaders(settings));
  app.enableCors(corsOptions(settings));
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

function identify(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('X-Request-Id') ?? '';
  request.requestId = /^[A-Za-z0-9._-]{1,64}$/.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', request.requestId);
  next();
}

class ValidationPipe extends StandardSchemaValidationPipe {
  /** Some clients write lists as `name[]=a&name[]=b`. Unknown parameters are ignored: without a word, all would be shown. */
  override transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    const lists =
      metadata.type === 'query' ? Object.keys(value as object).filter((key) => key.endsWith(']')) : [];
    if (lists.length > 0)
      throw new ValidationFailedError(
        lists.map((path) => ({ path, message: `lists are written ${path.split('[', 1)[0]}=a,b` })),
      );
    return super.transform(value, metadata);
  }

  /**
   * Nest would take every member called `constructor`, `prototype` or `__proto__` out of what was sent, at any
   * depth: an input would lose them without a word. Schemas decide what is taken, and nothing here merges objects.
   */
  protected override stripProtoKeys(): void {}
}
