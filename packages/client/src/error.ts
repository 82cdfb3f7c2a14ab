import type { Problem, ProblemCode } from '@cloutagent/contract';

/**
 * Codes of errors that the client itself detects. When the server refuses a request, the error has the server's code
 * instead, a `ProblemCode` such as `not_found` or `validation_failed`.
 *
 * - `network`: the server did not answer, or the connection broke
 * - `silent`: the server sent nothing for 2½ heartbeats
 * - `http_error`: an error status without a problem document, for example from a proxy
 * - `invalid_response`: a response that this API does not send, for example an HTML page
 * - `invalid_event`, `sequence_gap`: the stream is broken at the same position after several reconnections
 * - `event_too_large`: an event is larger than `maxEventBytes`
 * - `token_failed`: the `token` callback threw
 * - `handler_failed`: a handler given to `SSEClient.on` threw
 * - `invalid_argument`: an option or argument is not valid
 * - `aborted`: the caller's signal was aborted
 */
export type CloutAgentErrorCode =
  | 'network'
  | 'silent'
  | 'http_error'
  | 'invalid_response'
  | 'invalid_event'
  | 'sequence_gap'
  | 'event_too_large'
  | 'token_failed'
  | 'handler_failed'
  | 'invalid_argument'
  | 'aborted';

export interface CloutAgentErrorDetails {
  status?: number | undefined;
  problem?: Problem | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every error of this package. `code` is for programs; `message` is a sentence for people. */
export class CloutAgentError extends Error {
  override readonly name = 'CloutAgentError';
  /** The server's code, or a code of this package. */
  readonly code: CloutAgentErrorCode | ProblemCode | (string & {});
  /** Status of the HTTP response, if there was one. */
  readonly status?: number;
  /** The server's problem document (RFC 9457). With `validation_failed` it lists every invalid path. */
  readonly problem?: Problem;
  /** The server's `Retry-After`, in ms. */
  readonly retryAfterMs?: number;

  constructor(
    code: CloutAgentErrorCode | ProblemCode | (string & {}),
    message: string,
    { status, problem, retryAfterMs, cause }: CloutAgentErrorDetails = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (status !== undefined) this.status = status;
    if (problem !== undefined) this.problem = problem;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

const TRANSIENT_CODES = new Set<string>(['network', 'silent', 'token_failed']);

/** Whether the same request may succeed later: network errors, 408, 425, 429 and every 5xx. */
export function isTransient({ code, status }: CloutAgentError): boolean {
  if (status === undefined) return TRANSIENT_CODES.has(code);
  return status >= 500 || status === 429 || status === 408 || status === 425;
}
