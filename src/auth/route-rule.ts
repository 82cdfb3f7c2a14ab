import type { Reflector } from '@nestjs/core';
import type { Scope } from '@cloutagent/contract';
import { AllowAnyScope, Public, RequireScope } from './access.decorators.js';

type Target = Parameters<Reflector['get']>[1];

/** Says who may call a route. `scope` is undefined for every valid credential. */
export type RouteRule =
  { readonly kind: 'public' } | { readonly kind: 'credential'; readonly scope: Scope | undefined };

/**
 * Reads the rule of a route. A decorator on the method replaces that of its controller, whichever of `@Public`,
 * `@AllowAnyScope` and `@RequireScope` they are.
 * @param targets the method, then its controller
 * @returns undefined if neither has a rule, so that every caller is refused
 */
export function ruleOf(reflector: Reflector, targets: readonly Target[]): RouteRule | undefined {
  for (const target of targets) {
    if (reflector.get(Public, target)) return { kind: 'public' };
    const scope = reflector.get(RequireScope, target);
    if (scope) return { kind: 'credential', scope };
    if (reflector.get(AllowAnyScope, target)) return { kind: 'credential', scope: undefined };
  }
  return undefined;
}
