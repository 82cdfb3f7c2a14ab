import { SCOPES } from '@cloutagent/contract';

/** A scope, and what it permits. */
export interface ScopeInfo {
  readonly name: string;
  readonly description: string;
}

const DESCRIPTIONS: Record<(typeof SCOPES)[number], string> = {
  'executions:read': 'Read executions and watch their streams.',
  'executions:write': 'Start executions.',
  'executions:control': 'Pause, resume, cancel and approve executions, answer waits and send signals.',
  'waits:answer-any': 'Answer waits that are assigned to other principals.',
  'keys:manage': 'Create, list and revoke API keys.',
  'listeners:manage': 'See durable listeners, replay and skip their dead deliveries, and delete them.',
  'workflows:read': 'Read saved workflows and variables.',
  'workflows:write': 'Save and delete workflows, aliases and variables.',
  'secrets:use': 'Post and save workflows that use secrets.',
  'secrets:manage': 'Set and delete secrets, and list their names.',
  'webhooks:manage': 'Set and delete webhooks, see their deliveries, and replay them.',
  'schedules:manage': 'Set and delete schedules.',
  'triggers:manage': 'Set and delete triggers.',
};
/** The scopes of the server itself. */
export const BUILT_IN_SCOPES: readonly ScopeInfo[] = SCOPES.map((name) => ({
  name,
  description: DESCRIPTIONS[name],
}));
