import { z } from 'zod';
import { ValidationFailedError } from '../../problems/problem.error.js';

/** Encodes the id of the last execution of a page as an opaque cursor. */
export const encodeCursor = (executionId: string): string => Buffer.from(executionId).toString('base64url');

/**
 * Decodes a cursor.
 * @returns the id of the last execution of the page before
 * @throws ValidationFailedError
 */
export function decodeCursor(cursor: string): string {
  const id = z.uuid().safeParse(Buffer.from(cursor, 'base64url').toString());
  if (!id.success)
    throw new ValidationFailedError([
      { path: 'cursor', message: 'must be the nextCursor of the page before, unchanged' },
    ]);
  return id.data;
}
