import { Inject, Injectable, type OnModuleInit, Optional } from '@nestjs/common';
import type { Request } from 'express';
import { Settings } from '../../config/settings.js';
import { ExtensionDiscovery } from '../../discovery/extension-discovery.js';
import { readable } from '../../logging/error-info.js';
import { Logger } from '../../logging/logger.js';
import { ProblemError } from '../../problems/problem.error.js';
import { InvalidCredentialsError } from '../auth.errors.js';
import type { Principal } from '../principal.js';
import { ScopeRegistry } from '../scopes/scope-registry.js';
import {
  type AuthStrategyHandler,
  AuthStrategyOptions,
  ExtraAuthStrategies,
  type NamedAuthStrategy,
} from './auth-strategy.js';
import { RegisteredStrategy } from './registered-strategy.js';
import { InvalidPrincipalError, strategyPrincipal } from './strategy-principal.js';

/** Finds the authentication strategies of all modules, and asks them. */
@Injectable()
export class AuthStrategies implements OnModuleInit {
  private readonly logger = new Logger(AuthStrategies.name);
  /** By name, in the order in which they are asked. */
  private strategies = new Map<string, RegisteredStrategy>();

  constructor(
    private readonly discovery: ExtensionDiscovery,
    private readonly scopes: ScopeRegistry,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'AUTH_STRATEGY_TIMEOUT_MS' | 'MAX_CALLS_PER_AUTH_STRATEGY'>,
    @Optional() @Inject(ExtraAuthStrategies) private readonly extra: readonly NamedAuthStrategy[] = [],
  ) {}

  /** @throws Error if a strategy is not valid or two have one name: the server does not start */
  onModuleInit(): void {
    const given = this.extra.map(
      (strategy) => new RegisteredStrategy(strategy, 'a strategy given as an object', this.settings),
    );
    const found = this.discovery
      .classesWith(AuthStrategyOptions)
      .map(
        ({ value: { name, order }, instance, className, moduleName }) =>
          new RegisteredStrategy(
            { name, order, handler: instance as AuthStrategyHandler },
            `${className} of ${moduleName}`,
            this.settings,
          ),
      );
    const all = [...given, ...found].toSorted((one, other) => one.order - other.order);
    for (const strategy of all) {
      const other = this.strategies.get(strategy.name);
      if (other)
        throw new Error(
          `Two authentication strategies have the name '${strategy.name}': ${other.origin}, and ${strategy.origin}. Rename one of them.`,
        );
      this.strategies.set(strategy.name, strategy);
    }
  }

  /**
   * Asks the strategies in turn. One that fails does not stop the others, so that a broken strategy locks out its own callers
   * alone.
   * @returns the principal of the first strategy that accepts the request; undefined if none knows it
   * @throws ProblemError 503 or 500 if a strategy failed, and none accepted the request
   * @throws InvalidCredentialsError if a strategy refused the request, and none failed or accepted it
   */
  async authenticate(request: Request): Promise<Principal | undefined> {
    let failure: ProblemError | undefined;
    let refusal: InvalidCredentialsError | undefined;
    for (const strategy of this.strategies.values()) {
      try {
        // One after the other: the order decides, and a strategy that accepts makes the others' work unnecessary.
        // oxlint-disable-next-line no-await-in-loop
        const principal = await this.ask(strategy, request);
        if (principal) return principal;
      } catch (thrown) {
        const error = readable(thrown);
        if (error instanceof InvalidCredentialsError) refusal = error;
        else {
          this.logger.error(`${strategy.title} failed`, error);
          failure ??= problemOf(error);
        }
      }
    }
    if (failure ?? refusal) throw (failure ?? refusal) as Error;
    return undefined;
  }

  /** Whether a strategy can say that the principal is not valid any more, before it expires. */
  canRevoke(principal: Principal): boolean {
    return this.strategyOf(principal.id)?.handler.stillValid !== undefined;
  }

  /**
   * Whether a principal may still use what it opened. True for principals of keys and JWTs, which are not checked here.
   * @throws ProblemError 503 if its strategy fails
   */
  async stillValid(principal: Principal): Promise<boolean> {
    try {
      return await this.check(principal);
    } catch (error) {
      this.logger.error(`${this.strategyOf(principal.id)?.title} failed`, error);
      throw problemOf(error);
    }
  }

  /** Returns the ids of those principals that their strategies do not accept any more. A check that fails is logged. */
  async revokedAmong(principals: readonly Principal[]): Promise<string[]> {
    const revoked: string[] = [];
    const failures = new Map<string, { count: number; first: unknown }>();
    const pending = principals.values();
    const worker = async () => {
      // The workers share one iterator, so each principal is checked once.
      for (const principal of pending) {
        try {
          // oxlint-disable-next-line no-await-in-loop
          if (!(await this.check(principal))) revoked.push(principal.id);
        } catch (first) {
          const title = this.strategyOf(principal.id)?.title ?? principal.id;
          const { count = 0, first: known = first } = failures.get(title) ?? {};
          failures.set(title, { count: count + 1, first: known });
        }
      }
    };
    // The other half of the calls is left for requests.
    const workers = Math.ceil(this.settings.MAX_CALLS_PER_AUTH_STRATEGY / 2);
    await Promise.all(Array.from({ length: Math.min(workers, principals.length) }, worker));
    for (const [title, { count, first }] of failures)
      this.logger.warn(
        `${title} could not check ${count} of the principals with open streams. These streams stay open`,
        first,
      );
    return revoked;
  }

  private async ask(strategy: RegisteredStrategy, request: Request): Promise<Principal | undefined> {
    const returned: unknown = await strategy.call((call) => strategy.handler.authenticate(request, call));
    if (returned === undefined || returned === null) return undefined;
    const principal = strategyPrincipal(returned, strategy.name, (name) => this.scopes.has(name));
    if (principal.expiresAt !== null && principal.expiresAt <= Date.now())
      throw new InvalidCredentialsError();
    return principal;
  }

  private async check(principal: Principal): Promise<boolean> {
    const strategy = this.strategyOf(principal.id);
    // Without its strategy, for example after an upgrade, no strategy vouches for a principal any more.
    if (!strategy) return isOwn(principal.id);
    const { handler } = strategy;
    if (!handler.stillValid) return true;
    const asReturned = { ...principal, id: principal.id.slice(strategy.name.length + 1) };
    const valid: unknown = await strategy.call((call) => handler.stillValid!(asReturned, call));
    if (typeof valid !== 'boolean') throw new TypeError('its stillValid returned neither true nor false');
    return valid;
  }

  private strategyOf(principalId: string): RegisteredStrategy | undefined {
    return this.strategies.get(principalId.split(':', 1)[0]!);
  }
}

/** Whether a principal is an API key or the subject of a JWT. */
const isOwn = (principalId: string): boolean => /^(key|jwt):/.test(principalId);

const problemOf = (error: unknown): ProblemError =>
  error instanceof InvalidPrincipalError
    ? new ProblemError('internal_error')
    : new ProblemError('identity_provider_unavailable', undefined, { headers: { 'Retry-After': '5' } });
