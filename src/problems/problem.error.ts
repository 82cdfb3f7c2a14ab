import { HttpException } from '@nestjs/common';
import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';

/**
 * An error that the server answers with an RFC 9457 problem. The contract's `PROBLEM_CODES` gives its status. The
 * controllers of a host call the server's services too: for their filters it is an HttpException with the body
 * `{ statusCode, code, message, errors? }`.
 */
export class ProblemError extends HttpException {
  override readonly name: string = 'ProblemError';

  /** @param detail a sentence that says what to do; by default the code's text in `PROBLEM_CODES` */
  constructor(
    readonly code: ProblemCode,
    detail: string = PROBLEM_CODES[code].text,
    readonly extra: { errors?: NonNullable<Problem['errors']>; headers?: Record<string, string> } = {},
  ) {
    const { status } = PROBLEM_CODES[code];
    const { errors } = extra;
    super({ statusCode: status, code, message: detail, ...(errors && { errors }) }, status);
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
  /** @param name the name of the resource in the request, to repeat it */
  constructor(resource = 'execution', name?: string) {
    const missing = name === undefined ? `There is no such ${resource}` : `There is no ${resource} ${name}`;
    const project = resource === 'project' ? 'it' : 'its project';
    super('not_found', `${missing}, or your credential has no access to ${project}.`);
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
