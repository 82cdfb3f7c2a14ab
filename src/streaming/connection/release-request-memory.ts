import { SSE_ABORT_CONTROLLER } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The members of Node's HTTP parser that are used here. They are not public API: any of them may be missing. */
interface Parser {
  incoming: unknown;
  outgoing: unknown;
  socket: unknown;
  onIncoming: unknown;
  remove: () => void;
  close: () => void;
}

const NOTHING = Object.freeze({});
const SENT_HEADERS = Object.assign(Object.create(null), {
  'content-type': ['Content-Type', 'text/event-stream; charset=utf-8'],
}) as object;
/** Bytes that a client may send after the last request of its connection. They are discarded. */
const MAX_DISCARDED_BYTES = 1_000_000;

/** Returns whether the response can be the last one of its connection: its request is complete, and no other has begun after it. */
export function mayBeLast({ req: request, socket }: ServerResponse): boolean {
  const parser = parserOf(socket);
  return (
    request.complete &&
    request.httpVersion === '1.1' &&
    parser !== undefined &&
    parser.incoming === request &&
    typeof parser.remove === 'function' &&
    typeof parser.close === 'function'
  );
}

/**
 * Frees the HTTP parser of the connection: 6.5 KB, half of the memory of an idle stream. The response must be the last one
 * and have said so (`Connection: close`). Later bytes of the client are discarded (RFC 9112, section 9.6).
 */
export function detachHttpParser({ socket }: ServerResponse): void {
  const parser = parserOf(socket);
  if (!socket || !parser) return;
  // Not removeAllListeners, which would make the socket's table of listeners eight times as large.
  for (const listener of socket.listeners('data')) socket.off('data', listener as () => void);
  // Node stops passing the socket's bytes to the parser once there is another listener for them.
  socket.on('data', discard);
  parser.remove();
  (socket as unknown as { parser: unknown }).parser = null;
  parser.socket = parser.incoming = parser.outgoing = parser.onIncoming = null;
  // Later, as Node does it: the parser may be on the call stack.
  setImmediate(() => parser.close());
}

/**
 * Drops objects that were needed to answer the request and are not used any more: a third of the memory of a stream. The last two are
 * private members of Node's response: a version of Node that names them differently keeps them.
 */
export function releaseRequestMemory(response: ServerResponse): void {
  const request = response.req as ServerResponse['req'] & Record<PropertyKey, unknown>;
  // Express keeps the closures of its routers in `next`. Not deleted, because that would make the object larger.
  request['next'] = request['_parsedUrl'] = request[SSE_ABORT_CONTROLLER] = undefined;
  request['params'] = NOTHING;
  request.headers = {};
  request.rawHeaders = [];
  const sent = response as unknown as Record<PropertyKey, unknown>;
  sent['locals'] = NOTHING;
  const headers = Object.getOwnPropertySymbols(sent).find(({ description }) => description === 'kOutHeaders');
  if (headers) sent[headers] = SENT_HEADERS;
  if (typeof sent['_header'] === 'string') sent['_header'] = 'sent';
}

const parserOf = (socket: Socket | null): Parser | undefined =>
  (socket as unknown as { parser?: Parser | null } | null)?.parser ?? undefined;

function discard(this: Socket): void {
  if (this.bytesRead > MAX_DISCARDED_BYTES) this.destroy();
}
