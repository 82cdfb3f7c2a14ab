import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Scope } from '@cloutagent/contract';
import type { Request } from 'express';
import type { Principal } from './principal.js';
import type { TicketTarget } from './tickets.service.js';

/** No credential is asked for: health and documentation. */
export const Public = Reflector.createDecorator<boolean>({ transform: () => true });

/** The scope a caller needs. A route that is not public, names no scope and does not allow any is refused to everybody. */
export const RequireScope = Reflector.createDecorator<Scope>();

/** Any good credential will do, whatever its scopes: the route shows nothing but the caller. */
export const AllowAnyScope = Reflector.createDecorator<boolean>({ transform: () => true });

/** What a ticket must be for to open the stream that a request asks for; nothing when the request names none. */
export type TicketTargetOf = (request: Request) => TicketTarget | undefined;

const executionInPath: TicketTargetOf = (request) => ({ executionId: String(request.params['executionId']) });

/** `?ticket=` will do instead of a credential: one for the execution in the path, unless another target is given. */
export const AllowTicket = Reflector.createDecorator<TicketTargetOf | undefined, TicketTargetOf>({
  transform: (targetOf) => targetOf ?? executionInPath,
});

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
