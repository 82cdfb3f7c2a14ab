import type { Response } from 'express';
import type { StartedExecution } from '../commands/execution-inserter.js';

/** Sets the headers that name an execution which a request has started or found. */
export function showStarted({ execution, replayed }: StartedExecution, response: Response): void {
  response.location(`${response.req.baseUrl}/api/executions/${execution.id}`);
  if (replayed) response.setHeader('Idempotency-Replayed', 'true');
}
