import type { Problem } from '@cloutagent/contract';
import type { ProblemCode } from '../openapi/problem-codes.js';

/**
 * A failure that is answered as an RFC 9457 problem. Each kind of failure has its own `code`. `detail` is a sentence that
 * says what to do.
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

/** 400: the request does not have the documented form. `errors` lists every invalid path. */
export class ValidationFailedError extends ProblemError {
  constructor(errors: PathError[]) {
    super(400, 'validation_failed', 'The request is invalid. `errors` lists every path to correct.', {
      errors,
    });
  }
}

/** 404. The text is the same whether the resource does not exist or belongs to another project. */
export class NotFoundError extends ProblemError {
  constructor(resource = 'execution') {
    super(404, 'not_found', `There is no such ${resource}.`);
  }
}

/** 503: PostgreSQL is unreachable, or cannot process the request now. The same request may succeed later. */
export class DatabaseUnavailableError extends ProblemError {
  /** @param refusesWrites whether the database answers, but is read-only or full */
  constructor(refusesWrites = false) {
    const state = refusesWrites ? 'refuses writes' : 'does not answer';
    super(503, 'database_unavailable', `The database ${state}. Try again soon.`, {
      headers: { 'Retry-After': '5' },
    });
  }
}
