import { SSE_ABORT_CONTROLLER } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The part of Node's HTTP parser that is used here. It is no public API: any of it may be missing. */
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
  'content-type': ['Content-Type', 'text/event-stream'],
}) as object;
/** What a client may send behind the last request of its connection; it is discarded. */
const MOST_DISCARDED_BYTES = 1_000_000;

/**
 * Whether the response can be the last one of its connection: its request is there whole, and no other has begun behind it.
 */
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
 * Does without the HTTP parser of the connection, 6.5 KB, half of what an idle stream weighs. The response has to be the last one,
 * and to say so (`Connection: close`): what the client sends behind it is discarded (RFC 9112, section 9.6).
 */
export function detachHttpParser({ socket }: ServerResponse): void {
  const parser = parserOf(socket);
  if (!socket || !parser) return;
  // Not removeAllListeners, which would make the socket's table of listeners eight times as large.
  for (const listener of socket.listeners('data')) socket.off('data', listener as () => void);
  // Node lets go of the socket's bytes as soon as somebody else listens for them.
  socket.on('data', discard);
  parser.remove();
  (socket as unknown as { parser: unknown }).parser = null;
  parser.socket = parser.incoming = parser.outgoing = parser.onIncoming = null;
  // As Node does: its stack may still be in use.
  setImmediate(() => parser.close());
}

/**
 * Drops what was needed to answer and now only lies about, a third of what a stream weighs. The last two are Node's own and
 * have no other name: where Node calls them otherwise, nothing is dropped.
 */
export function releaseRequestMemory(response: ServerResponse): void {
  const request = response.req as ServerResponse['req'] & Record<PropertyKey, unknown>;
  // Express keeps the way through its routers in `next`. Not deleted: that would make the object a larger one.
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
  if (this.bytesRead > MOST_DISCARDED_BYTES) this.destroy();
}
