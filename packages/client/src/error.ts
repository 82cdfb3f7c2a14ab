import type { Problem } from '@cloutagent/contract';

/**
 * What can go wrong on this side. A refusal by the server carries the server's own code instead, for example
 * `not_found` or `validation_failed`.
 *
 * - `network`: no answer, or the connection broke
 * - `silent`: nothing came for 2½ heartbeats
 * - `http_error`: an error status without a problem document, for example of a proxy
 * - `invalid_response`: an answer that is not what this API sends, for example an HTML page
 * - `invalid_event`, `sequence_gap`: a stream that stays wrong at the same place, however often it is opened
 * - `event_too_large`: an event is larger than `maxEventBytes`
 * - `token_failed`: the `token` callback threw
 * - `handler_failed`: a handler given to `SSEClient.on` threw
 * - `invalid_argument`: an option or argument cannot be used
 * - `aborted`: the caller's signal
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

/** Every failure of this package. `code` is for programs, `message` a sentence for people. */
export class CloutAgentError extends Error {
  override readonly name = 'CloutAgentError';
  /** The server's code, or one of this side's. */
  readonly code: CloutAgentErrorCode | (string & {});
  /** Of the HTTP answer, when there was one. */
  readonly status?: number;
  /** What the server says (RFC 9457); with `validation_failed` it lists every wrong path. */
  readonly problem?: Problem;
  /** When the server wants to be asked again, in ms from now. */
  readonly retryAfterMs?: number;

  constructor(
    code: CloutAgentErrorCode | (string & {}),
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

const PASSING_CODES = new Set<string>(['network', 'silent', 'token_failed']);

/** Whether the same request may succeed later: the network, 408, 425, 429 and every 5xx. */
export function mayPass({ code, status }: CloutAgentError): boolean {
  if (status === undefined) return PASSING_CODES.has(code);
  return status >= 500 || status === 429 || status === 408 || status === 425;
}
