import { ExecutionId } from '@cloutagent/contract';
import { NotFoundError } from '../problems/problem.error.js';

/**
 * Checks that a text can be an execution's id, and returns it in the form that the database has.
 * @throws NotFoundError for any other text: no execution has such an id
 */
export function checkId(id: string): string {
  const parsed = ExecutionId.safeParse(id);
  if (!parsed.success) throw new NotFoundError();
  return parsed.data.toLowerCase();
}
