import type { Principal } from '../../auth/principal.js';
import { ProblemError } from '../../problems/problem.error.js';

/**
 * Checks that a principal may read what its request answers.
 * @throws ProblemError 403 `insufficient_scope`
 */
export function requireRead({ scopes }: Principal): void {
  if (!scopes.includes('executions:read'))
    throw new ProblemError(
      'insufficient_scope',
      'The answer requires the scope executions:read too, which your credential does not have.',
    );
}
