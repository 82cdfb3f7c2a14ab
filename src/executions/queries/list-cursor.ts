import { z } from 'zod';
import { ValidationFailedError } from '../../problems/problem.error.js';

/** The last execution of a page, opaque to callers. */
export const encodeCursor = (executionId: string): string => Buffer.from(executionId).toString('base64url');

/** @throws ValidationFailedError */
export function decodeCursor(cursor: string): string {
  const id = z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString());
  if (!id.success)
    throw new ValidationFailedError([
      { path: 'cursor', message: 'use nextCursor of the page before, as it is' },
    ]);
  return id.data;
}
