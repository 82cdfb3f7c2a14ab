import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Settings } from './config/settings.js';

/** What Node's HTTP parser says of a request that never reaches the application. */
const FAILURES: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Node's own default. */
const LONGEST_CHECK_MS = 30_000;

/** Time limits for what clients send, and problems for requests that never reach a controller. */
export function configureServerLimits(app: NestExpressApplication, settings: Settings): void {
  const server = app.getHttpServer() as Server;
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
    const { status, body } = problem(FAILURES[error.code ?? ''] ?? 'malformed_request');
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
    const { status, body } = problem('expectation_failed');
    response
      .writeHead(status, { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' })
      .end(body);
  });
}

function problem(code: ProblemCode): { status: number; body: string } {
  const { status, text: detail } = PROBLEM_CODES[code];
  const title = STATUS_CODES[status] ?? 'Error';
  return {
    status,
    body: JSON.stringify({ type: 'about:blank', title, status, detail, code } satisfies Problem),
  };
}
