import type { Scope } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { ProblemError } from '../../problems/problem.error.js';

/**
 * Checks a scope for a route whose request decides which ones it needs.
 * @throws ProblemError 403 `insufficient_scope`
 */
export function requireScopes(principal: Principal, ...scopes: Scope[]): void {
  const missing = scopes.find((scope) => !principal.scopes.includes(scope));
  if (missing !== undefined)
    throw new ProblemError(
      'insufficient_scope',
      `This requires the scope ${missing}, which your credential does not have.`,
    );
}
