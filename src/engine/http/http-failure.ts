import { messageOf } from '../../logging/error-info.js';
import { NodeError, TransientError } from '../extension/node-handler.js';
import { codeOf } from './error-code.js';
import type { HttpResponse } from './http-response.js';
import { ProxyError } from './proxy-pool.js';
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
 * Turns an error of a failed exchange into the error of a node. The code `http_connect_failed` means that no request was
 * sent. With `http_connection_lost` the other side may have carried out the request.
 */
export function connectionFailure(host: string, error: unknown): Error {
  if (error instanceof NodeError) return error;
  if (error instanceof ProxyError)
    return new TransientError('http_connect_failed', error.message, undefined, { cause: error });
  const code = codeOf(error);
  if (code === 'ENOTFOUND')
    return new NodeError('host_not_found', `The name ${host} has no address. Check its spelling.`);
  if (TLS.test(code))
    return new NodeError(
      'http_tls_failed',
      `The TLS connection to ${host} failed because its certificate is not valid (${code}). Check the host name and the certificate of that server.`,
    );
  // No request was sent.
  if (code === 'UND_ERR_INVALID_ARG')
    return new NodeError('invalid_config', `The request to ${host} cannot be sent: ${messageOf(error)}.`, {
      cause: error,
    });
  if (NOT_CONNECTED.has(code))
    return new TransientError('http_connect_failed', `${host} cannot be reached (${code}).`, undefined, {
      cause: error,
    });
  return new TransientError(
    'http_connection_lost',
    `The connection to ${host} was lost (${code}).`,
    undefined,
    { cause: error },
  );
}

/**
 * The error of a response with an unexpected status: transient for 408, 429 and 5xx, otherwise permanent.
 * @param redact replaces secrets in the body, of which the message has only the beginning
 */
export function statusFailure(
  host: string,
  response: HttpResponse,
  redact: (text: string) => string,
): NodeError {
  const { status } = response;
  const message = `${host} responded with status ${status}${excerpt(redact(response.body))}`;
  if (status === 429) return new TransientError('http_rate_limited', message, retryAfterMs(response.headers));
  if (status === 408 || status >= 500)
    return new TransientError('http_unavailable', message, retryAfterMs(response.headers));
  return new NodeError('http_status', message);
}

const excerpt = (body: string): string =>
  body.trim() ? `: ${body.trim().slice(0, 300).toWellFormed()}` : '.';
