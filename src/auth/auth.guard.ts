import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { ProblemError } from '../problems/problem.error.js';
import { AllowOperator, AllowTicket, type TicketTargetOf } from './access.decorators.js';
import { ApiKeysService } from './api-keys.service.js';
import { CredentialsMissingError, InvalidCredentialsError, InvalidTicketError } from './auth.errors.js';
import { addressOf } from './client-address.js';
import { credentialOf } from './credential.js';
import { isCrossSite } from './cross-site.js';
import { FailureLimiter } from './failure-limiter.js';
import { JwtVerifier } from './jwt-verifier.js';
import { MetricsAccess } from './metrics-access.js';
import type { Principal } from './principal.js';
import { ruleOf, type RouteRule } from './route-rule.js';
import { AuthStrategies } from './strategies/auth-strategies.js';
import { TicketsService } from './tickets.service.js';

/**
 * A JWT has three parts, and the first is JSON in base64url, so it begins with e. A key chosen by hand may contain dots
 * too.
 */
const JWT = /^e[\w-]+\.[\w-]*\.[\w-]*$/;

/** Requires a credential and a scope on every route that is not `@Public()`. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly logger = new Logger(AuthGuard.name);

  constructor(
    private readonly reflector: Reflector,
    private readonly keys: ApiKeysService,
    private readonly jwts: JwtVerifier,
    private readonly tickets: TicketsService,
    private readonly strategies: AuthStrategies,
    private readonly limiter: FailureLimiter,
    private readonly metricsAccess: MetricsAccess,
    @Inject(Settings) private readonly settings: Pick<Settings, 'CORS_ORIGINS'>,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const rule = ruleOf(this.reflector, targets);
    if (rule?.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const address = addressOf(request);
    this.limiter.check(address);
    if (this.reflector.getAllAndOverride(AllowOperator, targets) && this.metricsAccess.admits(request))
      return true;
    const principal = await this.identify(
      request,
      this.reflector.getAllAndOverride(AllowTicket, targets),
    ).catch((error: unknown) => {
      if (error instanceof InvalidCredentialsError || error instanceof InvalidTicketError)
        this.limiter.record(address);
      throw error;
    });
    this.checkScope(principal, rule, context);
    request.principal = principal;
    return true;
  }

  /** @throws ProblemError 403 */
  private checkScope(
    principal: Principal,
    rule: Exclude<RouteRule, { kind: 'public' }> | undefined,
    context: ExecutionContext,
  ): void {
    if (rule && !rule.scope) return;
    const scope = rule?.scope;
    if (!scope)
      this.logger.error(
        `${context.getClass().name}.${context.getHandler().name} names no scope: add @RequireScope, @AllowAnyScope or @Public`,
      );
    if (!scope || !principal.scopes.includes(scope)) {
      throw new ProblemError(
        'insufficient_scope',
        `This requires the scope ${scope ?? '(none grants it)'}, which your credential does not have.`,
      );
    }
  }

  /**
   * Identifies the caller: by a ticket if it has no other credential, by its key or JWT, and else by the strategies of
   * modules. A ticket that is not valid is not passed to the strategies, because it says how the caller wants to be known.
   */
  private async identify(request: Request, ticketTargetOf: TicketTargetOf | undefined): Promise<Principal> {
    const credential = credentialOf(request);
    const { ticket } = request.query;
    if (credential.kind === 'none' && ticketTargetOf && ticket !== undefined) {
      const target = ticketTargetOf(request);
      if (!target) throw new InvalidTicketError();
      return this.tickets.redeem(typeof ticket === 'string' ? ticket : '', target, addressOf(request));
    }
    let refusal: unknown;
    if (credential.kind === 'text') {
      try {
        const principal = await this.verify(credential.text);
        if (principal) return principal;
      } catch (error) {
        // The credential may be for a strategy, which does not need what is unavailable here.
        refusal = error;
      }
    }
    const principal = await this.strategies.authenticate(request);
    if (!principal)
      throw (
        refusal ??
        (credential.kind === 'none' ? new CredentialsMissingError() : new InvalidCredentialsError())
      );
    // A bearer token or an API key is never added by a browser itself, but anything else that identifies a caller may be.
    if (credential.kind !== 'text' && isCrossSite(request, this.settings.CORS_ORIGINS))
      throw new ProblemError('cross_site_request');
    return principal;
  }

  private verify(text: string): Promise<Principal | undefined> {
    return JWT.test(text) ? this.jwts.authenticate(text) : this.keys.authenticate(text);
  }
}
