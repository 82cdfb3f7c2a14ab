import type { Operation, Scope } from '@cloutagent/contract';
import type { Principal } from '../auth/principal.js';
import { ProblemError } from '../problems/problem.error.js';

const SCOPE_OF: Record<Operation['action'], Scope> = {
  cancel: 'executions:control',
  rerun: 'executions:write',
};

/**
 * Checks that a principal may start an operation.
 * @throws ProblemError 403 `insufficient_scope`
 */
export function checkMayStart(action: Operation['action'], { scopes }: Principal): void {
  if (!scopes.includes(SCOPE_OF[action])) throw insufficientScope(SCOPE_OF[action]);
}

/**
 * Returns the actions whose operations a principal may see.
 * @throws ProblemError 403 `insufficient_scope` if there are none
 */
export function visibleActions({ scopes }: Principal): Operation['action'][] {
  const actions = (['cancel', 'rerun'] as const).filter(
    (action) => scopes.includes('executions:read') || scopes.includes(SCOPE_OF[action]),
  );
  if (actions.length === 0) throw insufficientScope('executions:read');
  return actions;
}

const insufficientScope = (scope: Scope): ProblemError =>
  new ProblemError(
    'insufficient_scope',
    `This requires the scope ${scope}, which your credential does not have.`,
  );
