import { ProblemError } from '../../problems/problem.error.js';

/** The largest sequence: sequences are 32-bit integers. */
const MAX_SEQUENCE = 2_147_483_647;

/**
 * Parses a Last-Event-ID into the sequence that a client has reached; 0 without one. An EventSource sends an empty value
 * before it has received its first id.
 * @throws ProblemError 400 `invalid_last_event_id` if it is not a number, or more than a sequence can be
 */
export function parseLastEventId(value: string | undefined): number {
  if (value === undefined || value === '') return 0;
  const sequence = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  if (!(sequence <= MAX_SEQUENCE)) {
    throw new ProblemError(
      'invalid_last_event_id',
      'Last-Event-ID must be the id of the last event that you received, in digits. Leave it out to start at the beginning.',
    );
  }
  return sequence;
}
