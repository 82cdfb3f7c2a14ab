import { Injectable, type OnModuleInit } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { Logger } from '../../logging/logger.js';
import { ruleOf } from '../route-rule.js';
import { ScopeRegistry } from './scope-registry.js';

type Handler = (...parameters: unknown[]) => unknown;

/** Checks at start that every route of every controller, also of other teams, says who may call it. */
@Injectable()
export class RouteAccessCheck implements OnModuleInit {
  private readonly logger = new Logger(RouteAccessCheck.name);
  private readonly scanner = new MetadataScanner();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly reflector: Reflector,
    private readonly scopes: ScopeRegistry,
  ) {}

  /**
   * Warns about a route that no caller can use.
   * @throws Error if a route requires a scope that no module declares: the server does not start
   */
  onModuleInit(): void {
    for (const { metatype, host } of this.discovery.getControllers()) {
      if (typeof metatype !== 'function') continue;
      const prototype = metatype.prototype as Record<string, unknown>;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name];
        if (typeof handler === 'function' && Reflect.hasMetadata(METHOD_METADATA, handler))
          this.check([handler as Handler, metatype as Handler], `${metatype.name}.${name} of ${host?.name}`);
      }
    }
  }

  private check(targets: [Handler, Handler], route: string): void {
    const rule = ruleOf(this.reflector, targets);
    if (!rule)
      this.logger.warn(
        `${route} refuses every caller, because it names no scope: add @RequireScope, @AllowAnyScope or @Public`,
      );
    else if (rule.kind === 'credential' && rule.scope && !this.scopes.has(rule.scope))
      throw new Error(
        `${route} requires a scope that no module declares: ${this.scopes.problem(rule.scope)}. Correct the name, or declare it: @DeclaresScopes({ '${rule.scope}': 'what it permits' }).`,
      );
  }
}
