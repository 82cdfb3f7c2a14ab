import { z } from 'zod';
import { ValidationFailedError } from '../problems/problem.error.js';

/** Encodes the key of the last item of a page as an opaque cursor. */
export const encodeKey = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

/**
 * Decodes a cursor.
 * @param length number of parts of the key
 * @throws ValidationFailedError
 */
export function decodeKey(cursor: string, length: number): string[] {
  try {
    const key = z
      .array(
        z
          .string()
          .max(200)
          .regex(/^[^\0]*$/),
      )
      .length(length)
      .parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    if (length > 1 || /^[0-9]{1,9}$/.test(key[0]!)) return key;
  } catch {
    // The error below says what to do.
  }
  throw new ValidationFailedError([
    { path: 'cursor', message: 'must be the nextCursor of the page before, unchanged' },
  ]);
}
