import { ExecutionId } from '@cloutagent/contract';
import { NotFoundError } from '../problems/problem.error.js';

/** What is no execution id names no execution. @throws NotFoundError */
export function checkId(id: string): string {
  const parsed = ExecutionId.safeParse(id);
  if (!parsed.success) throw new NotFoundError();
  return parsed.data.toLowerCase();
}
