import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Problem } from '@cloutagent/contract';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Settings } from './config/settings.js';
import type { ProblemCode } from './openapi/problem-codes.js';

/** What Node's HTTP parser says of a request that never reaches the application. */
const FAILURES: Record<string, [status: number, code: ProblemCode, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'The request line and header fields are too long.'],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'request_timeout',
    'The request did not arrive in time (REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS).',
  ],
};
const MALFORMED: (typeof FAILURES)[string] = [400, 'malformed_request', 'This is no HTTP/1.1 request.'];

/** Node's own default. */
const LONGEST_CHECK_MS = 30_000;

/** Time limits for what clients send, and problems for requests that never reach a controller. */
export function configureServerLimits(app: NestExpressApplication, settings: Settings): void {
  const server = app.getHttpServer();
  server.headersTimeout = settings.REQUEST_HEADERS_TIMEOUT_MS;
  server.requestTimeout = settings.REQUEST_TIMEOUT_MS;
  // How often both are looked at. Nest hands Node no options, and Node reads this one when it begins to listen.
  Object.assign(server, {
    connectionsCheckingInterval: Math.min(LONGEST_CHECK_MS, settings.REQUEST_HEADERS_TIMEOUT_MS),
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // An answer that has begun, a stream above all, cannot be followed by another.
    const begun = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
    if (!socket.writable || begun || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const [status, code, detail] = FAILURES[error.code ?? ''] ?? MALFORMED;
    const body = problem(status, code, detail);
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
        `Cache-Control: no-store\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    // Not at once: a client that is still sending would be reset, and might not see the answer. But nobody else
    // looks after this connection any more.
    const gone = setTimeout(() => socket.destroy(), settings.REQUEST_HEADERS_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(gone));
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response
      .writeHead(417, { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
      .end(problem(417, 'expectation_failed', 'The only Expect this server knows is 100-continue.'));
  });
}

const problem = (status: number, code: ProblemCode, detail: string): string =>
  JSON.stringify({
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
  } satisfies Problem);
