import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Problem } from '@cloutagent/contract';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Settings } from './config/settings.js';
import type { ProblemCode } from './openapi/problem-codes.js';

/** Problems for requests that Node's HTTP parser refuses, by the code of its error. They never reach the application. */
const PARSER_PROBLEMS: Record<string, [status: number, code: ProblemCode, detail: string]> = {
  HPE_HEADER_OVERFLOW: [431, 'headers_too_large', 'The request line and header fields are too long.'],
  ERR_HTTP_REQUEST_TIMEOUT: [
    408,
    'request_timeout',
    'The request did not arrive in time (REQUEST_HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS).',
  ],
};
const MALFORMED: (typeof PARSER_PROBLEMS)[string] = [
  400,
  'malformed_request',
  'This is not a valid HTTP/1.1 request.',
];

/** Node's own default. */
const MAX_CHECK_INTERVAL_MS = 30_000;

/** Sets time limits for incoming requests, and answers requests that never reach a controller with problems. */
export function configureServerLimits(app: NestExpressApplication, settings: Settings): void {
  const server = app.getHttpServer() as Server;
  server.headersTimeout = settings.REQUEST_HEADERS_TIMEOUT_MS;
  server.requestTimeout = settings.REQUEST_TIMEOUT_MS;
  // The interval at which Node checks both limits. Nest passes no options to Node, so the property is set instead, which
  // Node reads when it starts to listen.
  Object.assign(server, {
    connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, settings.REQUEST_HEADERS_TIMEOUT_MS),
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A response that has begun, for example a stream, cannot be followed by another one.
    const hasBegun = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
    if (!socket.writable || hasBegun || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const [status, code, detail] = PARSER_PROBLEMS[error.code ?? ''] ?? MALFORMED;
    const body = problem(status, code, detail);
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\n` +
        `Cache-Control: no-store\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    // Destroying the socket at once would reset a client that is still sending, which might then miss the response. But
    // Node no longer applies its time limits to this connection, so it is destroyed after a while.
    const timeout = setTimeout(() => socket.destroy(), settings.REQUEST_HEADERS_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(timeout));
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response
      .writeHead(417, { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
      .end(
        problem(
          417,
          'expectation_failed',
          'The only Expect header that this server supports is 100-continue.',
        ),
      );
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
