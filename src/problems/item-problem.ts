import type { Problem } from '@cloutagent/contract';
import { STATUS_CODES } from 'node:http';
import type { ProblemError } from './problem.error.js';

/** Describes why one item of a request was refused, as a request of its own would be answered. */
export function toProblem(error: ProblemError): Problem {
  const { code, message: detail, extra } = error;
  const status = error.getStatus();
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    ...(extra.errors && { errors: extra.errors }),
  };
}
