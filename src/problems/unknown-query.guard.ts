import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { documentationOf } from '../openapi/documented.decorator.js';
import { ValidationFailedError } from './problem.error.js';
import { MAX_PROBLEMS, shortened } from './schema-problems.js';

/**
 * Refuses query parameters on documented routes without a schema of the query: no pipe sees them there. On other routes the
 * schema of the query refuses them.
 */
@Injectable()
export class UnknownQueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const documentation = documentationOf(context.getHandler());
    if (!documentation || documentation.query || documentation.anyQuery) return true;
    const names = Object.keys(context.switchToHttp().getRequest<Request>().query);
    if (names.length === 0) return true;
    throw new ValidationFailedError(
      names.slice(0, MAX_PROBLEMS).map((name) => ({
        path: shortened(name),
        message: 'is not known: this route has no query parameters',
      })),
    );
  }
}
