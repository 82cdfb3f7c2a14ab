import type { Problem } from '@cloutagent/contract';
import type { ProblemCode } from '../openapi/problem-codes.js';

/**
 * A failure that leaves the server as RFC 9457 problem. One subclass or `code` a failure; `detail`
 * is a sentence that says what to do.
 */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError';

  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    detail: string,
    readonly extra: { errors?: NonNullable<Problem['errors']>; headers?: Record<string, string> } = {},
  ) {
    super(detail);
  }
}

export type PathError = NonNullable<Problem['errors']>[number];

/** 400: the request does not have the documented form; every wrong path is listed. */
export class ValidationFailedError extends ProblemError {
  constructor(errors: PathError[]) {
    super(400, 'validation_failed', 'The request is not valid; `errors` lists every path to correct.', {
      errors,
    });
  }
}

/** 404, in the same words whether a thing is missing or belongs to somebody else. */
export class NotFoundError extends ProblemError {
  constructor(what = 'execution') {
    super(404, 'not_found', `There is no such ${what}.`);
  }
}

/** 503: PostgreSQL cannot be reached, or cannot do what was asked of it now. The same request may be sent again. */
export class DatabaseUnavailableError extends ProblemError {
  /** @param takesNoWrites whether it answers, but is read-only or full */
  constructor(takesNoWrites = false) {
    const what = takesNoWrites ? 'can store nothing at the moment' : 'does not answer';
    super(503, 'database_unavailable', `The database ${what}. Try again soon.`, {
      headers: { 'Retry-After': '5' },
    });
  }
}
