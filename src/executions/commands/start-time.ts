import { ValidationFailedError } from '../../problems/problem.error.js';

const DAY_MS = 86_400_000;

/**
 * Checks when an execution may begin. A time in the past means immediately.
 * @throws ValidationFailedError if it is more than `maxDays` from now
 */
export function checkStartAt(startAt: string | undefined, maxDays: number): void {
  if (startAt === undefined || Date.parse(startAt) <= Date.now() + maxDays * DAY_MS) return;
  throw new ValidationFailedError([
    { path: 'startAt', message: `must be within the next ${maxDays} days (MAX_START_DELAY_DAYS)` },
  ]);
}
