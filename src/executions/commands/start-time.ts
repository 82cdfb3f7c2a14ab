import { ValidationFailedError } from '../../problems/problem.error.js';

const DAY_MS = 86_400_000;

/**
 * Checks when an execution may begin. A time in the past means immediately.
 * @throws ValidationFailedError if it is more than `maxDays` from now, or in the year 0, which PostgreSQL does not know
 */
export function checkStartAt(startAt: string | undefined, maxDays: number): void {
  if (startAt === undefined) return;
  if (startAt.startsWith('0000-')) throw wrong('must be in the year 1 or later');
  if (Date.parse(startAt) > Date.now() + maxDays * DAY_MS)
    throw wrong(`must be within the next ${maxDays} days (MAX_START_DELAY_DAYS)`);
}

const wrong = (message: string): ValidationFailedError =>
  new ValidationFailedError([{ path: 'startAt', message }]);
