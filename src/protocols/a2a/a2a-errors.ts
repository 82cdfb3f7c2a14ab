import type { Problem, ProblemCode } from '@cloutagent/contract';
import { detailWithPaths } from '../../problems/problem-body.js';
import { ProblemError } from '../../problems/problem.error.js';

/**
 * The errors of A2A, by the `reason` of their ErrorInfo: the code in JSON-RPC, and the status in HTTP (section 5.4 of the
 * specification).
 */
const REASONS = {
  TASK_NOT_FOUND: { rpc: -32001, http: 404 },
  TASK_NOT_CANCELABLE: { rpc: -32002, http: 400 },
  PUSH_NOTIFICATION_NOT_SUPPORTED: { rpc: -32003, http: 400 },
  UNSUPPORTED_OPERATION: { rpc: -32004, http: 400 },
  VERSION_NOT_SUPPORTED: { rpc: -32009, http: 400 },
  // Of JSON-RPC itself.
  INVALID_PARAMS: { rpc: -32602, http: 400 },
  INVALID_REQUEST: { rpc: -32600, http: 400 },
  METHOD_NOT_FOUND: { rpc: -32601, http: 404 },
  PARSE_ERROR: { rpc: -32700, http: 400 },
} as const;
export type A2aReason = keyof typeof REASONS;

/** An error that A2A has a name for. */
export class A2aError extends ProblemError {
  override readonly name = 'A2aError';

  /** @param detail a sentence that says what to do */
  constructor(
    readonly reason: A2aReason,
    code: ProblemCode,
    detail: string,
  ) {
    super(code, detail);
  }
}

export const taskNotFound = (): A2aError =>
  new A2aError(
    'TASK_NOT_FOUND',
    'not_found',
    'There is no such task of this agent, or your credential has no access to its project.',
  );

/** An error as both bindings describe it. */
export interface ErrorDescription {
  readonly reason: string;
  /** Whether A2A or JSON-RPC defines the reason. */
  readonly isOfProtocol: boolean;
  readonly rpcCode: number;
  readonly httpStatus: number;
  readonly message: string;
  readonly code: string;
  readonly requestId?: string | undefined;
  readonly errors?: Problem['errors'];
}

/** The server ends a stream before the task has ended. */
export const STREAM_CLOSED: ErrorDescription = {
  reason: 'STREAM_CLOSED',
  isOfProtocol: false,
  rpcCode: -32603,
  httpStatus: 503,
  message:
    'The server has ended the stream, and the task continues. Subscribe to the task to receive the rest.',
  code: 'stream_closed',
};

/** Codes of problems that mean an error of JSON-RPC. */
const REASONS_BY_CODE: Partial<Record<ProblemCode, A2aReason>> = { malformed_json: 'PARSE_ERROR' };

/** Describes a problem. @param error what the problem describes */
export function describe(problem: Problem, error: unknown): ErrorDescription {
  const { code, status, requestId, errors } = problem;
  const known =
    error instanceof A2aError
      ? error.reason
      : (REASONS_BY_CODE[code as ProblemCode] ?? (status === 400 ? 'INVALID_PARAMS' : undefined));
  return {
    reason: known ?? code.toUpperCase(),
    isOfProtocol: known !== undefined,
    rpcCode: known ? REASONS[known].rpc : status >= 500 ? -32603 : -32000,
    httpStatus: known ? REASONS[known].http : status,
    message: detailWithPaths(problem),
    code,
    requestId,
    errors,
  };
}

/** The names of HTTP statuses in google.rpc.Code. */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'FAILED_PRECONDITION',
  412: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
};

/** Makes the google.rpc.Status of the HTTP+JSON binding. */
export function statusOf(error: ErrorDescription): object {
  const { httpStatus, reason, message } = error;
  const isPrecondition = httpStatus === 400 && reason in REASONS && REASONS[reason as A2aReason].rpc > -32010;
  const status = isPrecondition
    ? 'FAILED_PRECONDITION'
    : (STATUS_NAMES[httpStatus] ?? (httpStatus >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT'));
  return { code: httpStatus, status, message, details: detailsOf(error) };
}

/** Makes the error object of the JSON-RPC binding. */
export const rpcErrorOf = (error: ErrorDescription): object => ({
  code: error.rpcCode,
  message: error.message,
  data: detailsOf(error),
});

/** Our code is in the metadata, also where the protocol has a reason of its own. */
function detailsOf({ reason, isOfProtocol, code, requestId, errors }: ErrorDescription): object[] {
  return [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason,
      domain: isOfProtocol ? 'a2a-protocol.org' : 'cloutagent',
      metadata: { code, ...(requestId !== undefined && { requestId }) },
    },
    ...(errors
      ? [
          {
            '@type': 'type.googleapis.com/google.rpc.BadRequest',
            fieldViolations: errors.map(({ path, message }) => ({ field: path, description: message })),
          },
        ]
      : []),
  ];
}
