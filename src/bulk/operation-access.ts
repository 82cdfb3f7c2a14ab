import type { Operation, Scope } from '@cloutagent/contract';
import type { Principal } from '../auth/principal.js';
import { insufficientScope, requireScopes } from '../auth/require-scopes.js';

const SCOPE_OF: Record<Operation['action'], Scope> = {
  cancel: 'executions:control',
  rerun: 'executions:write',
};

/**
 * Checks that a principal may start an operation.
 * @throws ProblemError 403 `insufficient_scope`
 */
export function checkMayStart(action: Operation['action'], principal: Principal): void {
  requireScopes(principal, [SCOPE_OF[action]]);
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
