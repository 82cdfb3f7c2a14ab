import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../../problems/problem.error.js';
import type { EventFormat } from './event-format.js';

/**
 * Refuses a stream over HTTP/1.0 in a format whose client takes the end of the stream for the end of the answer. Such a response
 * has no chunks and no length, so its end is the end of the connection (RFC 9112, section 6.3), also if the process has died. nginx
 * speaks HTTP/1.0 by default, and would end the response to its client regularly.
 * @throws ProblemError 505 `http_version_too_old`
 */
export function requireChunkedBody(
  format: EventFormat,
  { httpVersion }: Pick<IncomingMessage, 'httpVersion'>,
): void {
  if (format.interrupted !== undefined && Number(httpVersion) < 1.1)
    throw new ProblemError('http_version_too_old');
}
