import { ExecutionId } from '@cloutagent/contract';
import { NotFoundError } from '../../problems/problem.error.js';

const PREFIX = 'resp_';

/** Returns the id of the response that an execution is. */
export const responseIdOf = (executionId: string): string => PREFIX + executionId;

/**
 * Returns the id of the execution that a response is.
 * @throws NotFoundError if the text is no id of a response
 */
export function executionIdOf(responseId: string): string {
  const { data } = ExecutionId.safeParse(responseId.slice(PREFIX.length));
  if (!responseId.startsWith(PREFIX) || data === undefined) throw new NotFoundError('response');
  return data.toLowerCase();
}
