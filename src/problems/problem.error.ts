import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';

/** An error that the server answers with an RFC 9457 problem. The contract's `PROBLEM_CODES` gives its status. */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError';

  readonly status: number;

  /** @param detail a sentence that says what to do; by default the code's text in `PROBLEM_CODES` */
  constructor(
    readonly code: ProblemCode,
    detail: string = PROBLEM_CODES[code].text,
    readonly extra: { errors?: NonNullable<Problem['errors']>; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.status = PROBLEM_CODES[code].status;
  }
}

export type PathError = NonNullable<Problem['errors']>[number];

/** 400: the request does not match its schema. `errors` lists every invalid path. */
export class ValidationFailedError extends ProblemError {
  constructor(errors: PathError[]) {
    super('validation_failed', undefined, { errors });
  }
}

/** 404. The message is the same for a missing resource and for one that the caller has no access to. */
export class NotFoundError extends ProblemError {
  constructor(resource = 'execution') {
    super('not_found', `There is no such ${resource}.`);
  }
}

/**
 * 404: no route accepts the request, although a catch-all route has its path. ProblemFilter answers it with 405 if other
 * methods of the path are accepted.
 */
export class RouteNotFoundError extends ProblemError {
  constructor() {
    super('route_not_found');
  }
}

/** 503: PostgreSQL cannot be reached, or cannot execute the statement now. The same request may be sent again. */
export class DatabaseUnavailableError extends ProblemError {
  /** @param refusesWrites whether the database answers but is read-only or full */
  constructor(refusesWrites = false) {
    const state = refusesWrites ? 'refuses writes' : 'does not answer';
    super('database_unavailable', `The database ${state}. Try again soon.`, {
      headers: { 'Retry-After': '5' },
    });
  }
}
