import { type ExecutionContext, Injectable } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail, type ThrottlerRequest } from '@nestjs/throttler';
import type { Request } from 'express';
import { addressOf } from '../auth/client-address.js';
import { ProblemError } from '../problems/problem.error.js';
import { RequestWeight } from './request-weight.decorator.js';

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

  /** Counts a request with a weight as so many requests. If fewer are left, it is refused, and all of them count. */
  protected override async handleRequest(given: ThrottlerRequest): Promise<boolean> {
    const { context, throttler, limit, ttl, blockDuration, getTracker, generateKey } = given;
    const request = context.switchToHttp().getRequest<Request>();
    const weight = this.reflector.get(RequestWeight, context.getHandler())?.(request) ?? 1;
    if (weight > 1) {
      const name = throttler.name ?? 'default';
      const key = generateKey(context, await getTracker(request, context), name);
      const count = () => this.storageService.increment(key, ttl, limit, blockDuration, name);
      await Promise.all(Array.from({ length: weight - 1 }, count));
    }
    return super.handleRequest(given);
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
