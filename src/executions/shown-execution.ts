import type { Execution } from '@cloutagent/contract';
import type { Principal } from '../auth/principal.js';

/** Leaves out what an execution has recorded, for a caller without the scope `executions:read`. Its input stays. */
export function withoutRecorded({ scopes }: Principal, execution: Execution): Execution {
  if (scopes.includes('executions:read')) return execution;
  const { output: _output, error: _error, waits: _waits, ...shown } = execution;
  return { ...shown, steps: [] };
}

/** Leaves out the input of an execution as well: that of another caller, who has started it. */
export function withoutContent(principal: Principal, execution: Execution): Execution {
  if (principal.scopes.includes('executions:read')) return execution;
  return { ...withoutRecorded(principal, execution), input: null };
}
