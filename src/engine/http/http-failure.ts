import { messageOf } from '../../logging/error-info.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import type { HttpAnswer } from './http-answer.js';
import { retryAfterMs } from './retry-after.js';

const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$|HOSTNAME_MISMATCH)/;

/**
 * A failed exchange as the error of a node. Code `http_connect_failed` means that nothing was sent;
 * after `http_connection_lost` the other side may have done what it was asked.
 */
export function connectionFailure(host: string, error: unknown): Error {
  if (error instanceof NodeError) return error;
  const code = codeOf(error);
  if (code === 'ENOTFOUND')
    return new NodeError('host_not_found', `The name ${host} has no address: check its spelling.`);
  if (TLS.test(code))
    return new NodeError(
      'http_tls_failed',
      `No secure connection to ${host}: its certificate is not valid (${code}).`,
    );
  // Nothing was sent.
  if (code === 'UND_ERR_INVALID_ARG')
    return new NodeError('invalid_config', `The request to ${host} cannot be sent: ${messageOf(error)}.`, {
      cause: error,
    });
  if (NOT_CONNECTED.has(code))
    return new TransientError('http_connect_failed', `${host} can't be reached (${code}).`, undefined, {
      cause: error,
    });
  return new TransientError('http_connection_lost', `The connection to ${host} broke (${code}).`, undefined, {
    cause: error,
  });
}

/** What an answer means that wasn't hoped for: tried again for 408, 429 and 5xx, else failed for good. */
export function statusFailure(host: string, answer: HttpAnswer): NodeError {
  const { status } = answer;
  const message = `${host} answered with status ${status}${excerpt(answer.body)}`;
  if (status === 429) return new TransientError('http_rate_limited', message, retryAfterMs(answer.headers));
  if (status === 408 || status >= 500)
    return new TransientError('http_unavailable', message, retryAfterMs(answer.headers));
  return new NodeError('http_status', message);
}

/** The code of an error or of the first cause that has one. */
function codeOf(error: unknown): string {
  let current: unknown = error;
  for (let depth = 0; typeof current === 'object' && current !== null && depth < 5; depth++) {
    const { code, cause, errors } = current as { code?: unknown; cause?: unknown; errors?: unknown[] };
    if (typeof code === 'string') return code;
    // Several addresses were tried: an AggregateError.
    current = errors?.[0] ?? cause;
  }
  return 'no code';
}

const excerpt = (body: string): string =>
  body.trim() ? `: ${body.trim().slice(0, 300).toWellFormed()}` : '.';
