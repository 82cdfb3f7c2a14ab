import type { WaitOutcome } from '@cloutagent/contract';
import { type PathError, ProblemError } from '../../problems/problem.error.js';

const MAX_ERRORS = 100;

/** 400: an answer or the body of a signal does not fit the wait. */
export class InvalidAnswerError extends ProblemError {
  constructor(errors: readonly PathError[]) {
    const [first, ...others] = errors;
    const more = others.length > 0 ? ` (and ${others.length} more)` : '';
    const detail = first && `The answer does not fit the wait: ${describe(first)}${more}.`;
    super('invalid_answer', detail, { errors: errors.slice(0, MAX_ERRORS) });
  }
}

const describe = ({ path, message }: PathError): string => (path === '' ? message : `${path}: ${message}`);

/** 409: the wait takes no answer any more. */
export class WaitEndedError extends ProblemError {
  /** @param outcome how the wait has ended; null if its time or its execution has ended before an answer came */
  constructor(outcome: WaitOutcome | null, by: string | null) {
    if (outcome === 'answered' || outcome === 'signalled')
      super(
        'wait_already_answered',
        by === null ? undefined : `The wait was already answered by ${by}. The first answer counts.`,
      );
    else super('wait_expired');
  }
}
