import type { Scope } from '@cloutagent/contract';
import { ProblemError } from '../problems/problem.error.js';
import type { Principal } from './principal.js';

/**
 * Makes the error for a credential that lacks a scope.
 * @param subject what requires it, at the beginning of a sentence
 */
export const insufficientScope = (scope: Scope, subject = 'This'): ProblemError =>
  new ProblemError(
    'insufficient_scope',
    `${subject} requires the scope ${scope}, which your credential does not have.`,
  );

/**
 * Checks scopes where the request decides which ones it needs. Where the route decides, use `@RequireScope`.
 * @param subject what requires them, at the beginning of a sentence
 * @throws ProblemError 403 `insufficient_scope`
 */
export function requireScopes(principal: Principal, scopes: readonly Scope[], subject?: string): void {
  const missing = scopes.find((scope) => !principal.scopes.includes(scope));
  if (missing !== undefined) throw insufficientScope(missing, subject);
}
