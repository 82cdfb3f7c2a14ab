import { type CanActivate, type ExecutionContext, Injectable, Logger } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { ProblemError } from '../problems/problem.error.js';
import {
  AllowAnyScope,
  AllowOperator,
  AllowTicket,
  Public,
  RequireScope,
  type TicketTargetOf,
} from './access.decorators.js';
import { addressOf } from './address.js';
import { ApiKeysService } from './api-keys.service.js';
import { CredentialsMissingError, InvalidCredentialsError, InvalidTicketError } from './auth.errors.js';
import { FailureLimiter } from './failure-limiter.js';
import { JwtVerifier } from './jwt-verifier.js';
import { MetricsAccess } from './metrics-access.js';
import type { Principal } from './principal.js';
import { TicketsService } from './tickets.service.js';

/** Three parts, the first of which is JSON in base64url and so begins with e: a key chosen by hand may have dots too. */
const JWT = /^e[\w-]+\.[\w-]*\.[\w-]*$/;

/** Every route asks for a credential and a scope, unless it says `@Public()`. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly logger = new Logger(AuthGuard.name);

  constructor(
    private readonly reflector: Reflector,
    private readonly keys: ApiKeysService,
    private readonly jwts: JwtVerifier,
    private readonly tickets: TicketsService,
    private readonly limiter: FailureLimiter,
    private readonly operators: MetricsAccess,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride(Public, targets)) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const address = addressOf(request);
    this.limiter.check(address);
    if (this.reflector.getAllAndOverride(AllowOperator, targets) && this.operators.admits(request))
      return true;
    const principal = await this.identify(
      request,
      this.reflector.getAllAndOverride(AllowTicket, targets),
    ).catch((error: unknown) => {
      if (error instanceof InvalidCredentialsError || error instanceof InvalidTicketError)
        this.limiter.record(address);
      throw error;
    });
    if (!this.reflector.getAllAndOverride(AllowAnyScope, targets)) this.checkScope(principal, context);
    request.principal = principal;
    return true;
  }

  /** @throws ProblemError 403 */
  private checkScope(principal: Principal, context: ExecutionContext): void {
    const targets = [context.getHandler(), context.getClass()];
    const scope = this.reflector.getAllAndOverride(RequireScope, targets);
    if (!scope)
      this.logger.error(
        `${context.getClass().name}.${context.getHandler().name} names no scope: add @RequireScope, @AllowAnyScope or @Public`,
      );
    if (!scope || !principal.scopes.includes(scope)) {
      throw new ProblemError(
        'insufficient_scope',
        `This needs the scope ${scope ?? '(none can have it)'}, which your credential does not have.`,
      );
    }
  }

  private async identify(request: Request, ticketFor: TicketTargetOf | undefined): Promise<Principal> {
    const credential = credentialOf(request);
    const { ticket } = request.query;
    if (credential === undefined && ticketFor && ticket !== undefined) {
      const target = ticketFor(request);
      if (!target) throw new InvalidTicketError();
      return this.tickets.redeem(typeof ticket === 'string' ? ticket : '', target, addressOf(request));
    }
    if (credential === undefined) throw new CredentialsMissingError();
    const principal = JWT.test(credential)
      ? await this.jwts.authenticate(credential)
      : await this.keys.authenticate(credential);
    if (!principal) throw new InvalidCredentialsError();
    return principal;
  }
}

function credentialOf(request: Request): string | undefined {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const bearer = /^Bearer +(\S+) *$/i.exec(authorization);
    if (!bearer) throw new InvalidCredentialsError();
    return bearer[1];
  }
  return request.get('X-API-Key');
}
