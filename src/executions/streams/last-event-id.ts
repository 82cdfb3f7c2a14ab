import { ProblemError } from '../../problems/problem.error.js';

/**
 * The position a client has reached: 0 without one. An empty value is what an EventSource has before its
 * first id, and counts as none.
 * @throws ProblemError 400 for anything but digits, or more than a sequence can be
 */
export function parseLastEventId(value: string | undefined): number {
  if (value === undefined || value === '') return 0;
  const sequence = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  if (!(sequence <= 2_147_483_647)) {
    throw new ProblemError(
      'invalid_last_event_id',
      'Last-Event-ID must be the id of the last event you received, in digits. Leave it out to start at the beginning.',
    );
  }
  return sequence;
}
