import type { ExecutionOutcome, InterceptedExecution } from '../extension/step-hooks.js';
import type { StepInterceptors } from '../extension/step-interceptors.js';
import { deepFreeze } from '../../common/deep-freeze.js';
import type { RowChange } from '../../journal/row-change.js';
import { inContext } from '../../logging/work-context.js';
import { codeMembers } from '../../monitoring/extension-code.js';
import type { ExecutionRow } from '../execution-row.js';

/**
 * Asks the interceptors whether an execution may run.
 * @throws NodeError if one refuses it or fails
 */
export async function beforeExecution(interceptors: StepInterceptors, row: ExecutionRow): Promise<void> {
  const execution = interceptedExecution(row);
  for (const hook of interceptors.of('beforeExecution')) {
    const onStray = (error: unknown) => interceptors.toFailure(hook, error);
    const members = { executionId: row.id, ...codeMembers(hook.code) };
    await inContext({ members, onStray }, () => interceptors.call(hook, () => hook.call(execution)));
  }
}

/** Notifies the interceptors of the end of an execution, one after the other. */
export function afterExecution(
  interceptors: StepInterceptors,
  row: ExecutionRow,
  { status, output, error }: RowChange,
): void {
  const outcome = {
    status,
    ...(output !== undefined && { output }),
    ...(error && { error }),
  } as ExecutionOutcome;
  const execution = interceptedExecution(row);
  const notify = async () => {
    for (const hook of interceptors.of('afterExecution'))
      await interceptors.notify(hook, () => hook.call(execution, deepFreeze(outcome)));
  };
  void notify();
}

const interceptedExecution = (row: ExecutionRow): InterceptedExecution =>
  deepFreeze({
    executionId: row.id,
    projectId: row.project_id,
    tags: row.tags,
    createdBy: row.created_by,
    input: row.input,
    workflow: row.workflow,
  });
