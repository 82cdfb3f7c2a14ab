import { Reflector } from '@nestjs/core';
import type { Request } from 'express';

/**
 * As how many requests a request of the route counts towards the rate limit; by default 1. The body has been parsed, but not
 * checked.
 */
export const RequestWeight = Reflector.createDecorator<(request: Request) => number>();
