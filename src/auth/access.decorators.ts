import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Scope } from '@cloutagent/contract';
import type { Request } from 'express';
import type { Principal } from './principal.js';
import type { TicketTarget } from './tickets.service.js';

/**
 * The route needs no credential. Used for health, documentation and the dashboard.
 *
 * @example
 * ```ts
 * @Get('version')
 * @Public()
 * version(): string { return '1.2.3'; }
 * ```
 */
export const Public = Reflector.createDecorator<boolean>({ transform: () => true });

/**
 * The scope that the caller needs, on a controller or on one of its methods. A method's scope replaces the controller's.
 * Other callers get `403 insufficient_scope`, which names the scope. A route without `@RequireScope`, `@AllowAnyScope` and
 * `@Public` refuses every caller. A scope of your own module must be declared with `@DeclaresScopes`.
 *
 * @example
 * ```ts
 * @Controller('api/reports')
 * @RequireScope('reports:read')
 * export class ReportsController {
 *   @Get(':projectId')
 *   async list(@Param('projectId') projectId: string, @CurrentPrincipal() principal: Principal): Promise<Report[]> {
 *     if (!ownsProject(principal, projectId)) throw new NotFoundError('project');
 *     return this.reports.of(projectId);
 *   }
 * }
 * ```
 */
export const RequireScope = Reflector.createDecorator<Scope>();

/**
 * The route accepts every valid credential, whatever its scopes, because it shows only the caller itself.
 *
 * @example
 * ```ts
 * @Get('mine')
 * @AllowAnyScope()
 * mine(@CurrentPrincipal() principal: Principal): Settings { return this.settings.of(principal.id); }
 * ```
 */
export const AllowAnyScope = Reflector.createDecorator<boolean>({ transform: () => true });

/** Returns the stream that a request opens, which its ticket must be for. Undefined when the request names no stream. */
export type TicketTargetOf = (request: Request) => TicketTarget | undefined;

const executionInPath: TicketTargetOf = (request) => ({ executionId: String(request.params['executionId']) });

/** The route accepts `?ticket=` instead of a credential. By default the ticket must be for the execution in the path. */
export const AllowTicket = Reflector.createDecorator<TicketTargetOf | undefined, TicketTargetOf>({
  transform: (targetOf) => targetOf ?? executionInPath,
});

/** The route accepts METRICS_TOKEN instead of a credential. Without that setting, callers on this machine need neither. */
export const AllowOperator = Reflector.createDecorator<boolean>({ transform: () => true });

/**
 * Injects the caller into a parameter. Works on every route that is not public.
 *
 * @example
 * ```ts
 * @Get('mine')
 * @RequireScope('reports:read')
 * mine(@CurrentPrincipal() principal: Principal): Report[] { return this.reports.by(principal.id); }
 * ```
 */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal => {
    const { principal } = context.switchToHttp().getRequest<Request>();
    if (!principal) throw new Error('a public route has no principal: remove @Public, or @CurrentPrincipal');
    return principal;
  },
);
