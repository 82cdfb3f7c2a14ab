import type { Problem, ProblemCode } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import type { ProblemError } from './problem.error.js';

interface Described {
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: Problem['errors'];
}

/**
 * Makes a problem (RFC 9457).
 * @param request the members that name the request; an item of a request has none
 */
export const problemBody = (
  { status, code, detail, errors }: Described,
  request: Pick<Problem, 'instance' | 'requestId'> = {},
): Problem => ({
  type: 'about:blank',
  title: STATUS_CODES[status] ?? 'Error',
  status,
  detail,
  code,
  ...request,
  ...(errors && { errors }),
});

/** Describes why one item of a request was refused, as a request of its own would be answered. */
export const itemProblem = (error: ProblemError): Problem =>
  problemBody({
    status: error.getStatus(),
    code: error.code,
    detail: error.message,
    errors: error.extra.errors,
  });

/**
 * Describes a problem in one text, for protocols whose errors have no list of paths: what is wrong at each path, or else the
 * detail.
 */
export function detailWithPaths({ code, detail, errors }: Problem): string {
  const isOfPaths = code === 'validation_failed' || code === 'input_invalid';
  if (!isOfPaths || !errors || errors.length === 0) return detail;
  return errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
}
