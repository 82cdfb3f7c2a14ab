import { type ExecutionContext, Injectable } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import type { Request } from 'express';
import { addressOf } from '../auth/client-address.js';
import { ProblemError } from '../problems/problem.error.js';

/** Applies one quota for each principal over all routes. Callers of public routes are counted by address. */
@Injectable()
export class PrincipalThrottlerGuard extends ThrottlerGuard {
  protected override headerPrefix = 'RateLimit';

  protected override getTracker(request: Request): Promise<string> {
    return Promise.resolve(request.principal?.id ?? `address:${addressOf(request)}`);
  }

  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return tracker;
  }

  protected override throwThrottlingException(
    _context: ExecutionContext,
    detail: ThrottlerLimitDetail,
  ): Promise<void> {
    const seconds = detail.timeToBlockExpire;
    return Promise.reject(
      new ProblemError(
        'rate_limited',
        `The limit is ${detail.limit} requests per ${detail.ttl / 1000} s. Try again in ${seconds} s.`,
        {
          headers: {
            'Retry-After': String(seconds),
            'RateLimit-Limit': String(detail.limit),
            'RateLimit-Remaining': '0',
            'RateLimit-Reset': String(seconds),
          },
        },
      ),
    );
  }
}
