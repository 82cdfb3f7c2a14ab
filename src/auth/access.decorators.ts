import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Scope } from '@cloutagent/contract';
import type { Request } from 'express';
import type { Principal } from './principal.js';

/** No credential is asked for: health and documentation. */
export const Public = Reflector.createDecorator<boolean>({ transform: () => true });

/** The scope a caller needs. A route that is neither public nor names a scope is refused to everybody. */
export const RequireScope = Reflector.createDecorator<Scope>();

/** `?ticket=`, issued for the execution in the path, will do instead of a credential. */
export const AllowTicket = Reflector.createDecorator<boolean>({ transform: () => true });

/** METRICS_TOKEN will do instead of a credential; without that setting, being on this machine. */
export const AllowOperator = Reflector.createDecorator<boolean>({ transform: () => true });

/** Who is calling. */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal => {
    const { principal } = context.switchToHttp().getRequest<Request>();
    if (!principal) throw new Error('a public route has no principal');
    return principal;
  },
);
