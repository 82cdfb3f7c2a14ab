import { ValidationFailedError } from './problem.error.js';

/**
 * Checks the value of the header Idempotency-Key.
 * @throws ValidationFailedError
 */
export function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new ValidationFailedError([
    { path: 'Idempotency-Key', message: 'must have 1 to 255 printable ASCII characters without spaces' },
  ]);
}
