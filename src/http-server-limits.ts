import type { NestExpressApplication } from '@nestjs/platform-express';
import { type Problem, PROBLEM_CODES, type ProblemCode } from '@cloutagent/contract';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Settings } from './config/settings.js';

/** Codes of problems for requests that Node's HTTP parser refuses, by the code of its error. */
const PARSER_PROBLEMS: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Node's own default. */
const MAX_CHECK_INTERVAL_MS = 30_000;

/** Sets time limits for incoming requests, and answers requests that never reach a controller with problems. */
export function configureServerLimits(app: NestExpressApplication, settings: Settings): void {
  const server = app.getHttpServer();
  server.headersTimeout = settings.REQUEST_HEADERS_TIMEOUT_MS;
  server.requestTimeout = settings.REQUEST_TIMEOUT_MS;
  // The interval at which Node checks both limits. Nest passes no options to Node, so the property is set instead, which
  // Node reads when it starts to listen.
  Object.assign(server, {
    connectionsCheckingInterval: Math.min(MAX_CHECK_INTERVAL_MS, settings.REQUEST_HEADERS_TIMEOUT_MS),
  });
  const answerOn = (socket: Duplex, code: ProblemCode, headers = '') => {
    const { status, body } = problem(code);
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json; charset=utf-8\r\n${headers}` +
        `Cache-Control: no-store\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
    // Destroying the socket at once would reset a client that is still sending, which might then miss the response. But
    // Node no longer applies its time limits to this connection, so it is destroyed after a while.
    const timeout = setTimeout(() => socket.destroy(), settings.REQUEST_HEADERS_TIMEOUT_MS);
    socket.once('close', () => clearTimeout(timeout));
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A response that has begun, for example a stream, cannot be followed by another one.
    const hasBegun = (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent;
    if (!socket.writable || hasBegun || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    answerOn(socket, PARSER_PROBLEMS[error.code ?? ''] ?? 'malformed_request');
  });
  // A CONNECT request asks for a tunnel through a proxy. Without a listener, Node closes the connection without an answer.
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy());
    answerOn(socket, 'method_not_allowed', 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n');
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { status, body } = problem('expectation_failed');
    response
      .writeHead(status, {
        'Content-Type': 'application/problem+json; charset=utf-8',
        'Cache-Control': 'no-store',
      })
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
