import type { EventDraft, ExecutionFailure } from '@cloutagent/contract';
import type { Logger } from '../../logging/logger.js';
import { causeOf, messageOf } from '../../logging/error-info.js';
import type { ExecutionRow } from '../execution-row.js';
import { NodeError } from '../extension/node-handler.js';

/** Turns what a node threw into the failure of its execution. */
export function toFailure(error: unknown): ExecutionFailure {
  // A module may have given its NodeError anything.
  if (error instanceof NodeError && typeof error.code === 'string')
    return { message: messageOf(error), code: error.code };
  return { message: `The node failed: ${messageOf(error)}`, code: 'node_failed' };
}

export const failedEvent = ({ message, code, nodeId }: ExecutionFailure): EventDraft => ({
  type: 'execution:failed',
  fields: { error: message, code, ...(nodeId !== undefined && { nodeId }) },
});

/**
 * Logs a failure. A NodeError is a warning, because its handler expected it; any other error is probably a bug of the
 * handler.
 * @param details `error` is what the node threw, if it threw; the rest are extra members of the log line
 */
export function logFailure(
  logger: Logger,
  { id: executionId, project_id: projectId }: ExecutionRow,
  { message, code, nodeId }: ExecutionFailure,
  { error, ...extraMembers }: { error?: unknown },
): void {
  const members = {
    executionId,
    projectId,
    ...(nodeId !== undefined && { nodeId }),
    code,
    ...extraMembers,
  };
  const text = `the execution failed: ${message}`;
  if (error === undefined || error instanceof NodeError) logger.warn(text, ...causeOf(error), members);
  else logger.error(text, error, members);
}
