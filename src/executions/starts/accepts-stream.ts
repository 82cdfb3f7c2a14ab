import type { Request } from 'express';

const STREAM = 'text/event-stream';
/** The first one wins where a client accepts both alike, such as with a star. The last one matches a client that names the charset. */
const OFFERED = ['application/json', STREAM, `${STREAM};charset=utf-8`];

/**
 * Whether a client prefers the stream of an execution to JSON (RFC 9110, section 12.5.1). The higher `q` wins. With the same
 * `q`, a type that is named wins over one that only a star matches, and then the one that is named first.
 */
export function prefersStream(request: Request): boolean {
  const best = request.accepts(OFFERED);
  return typeof best === 'string' && best.startsWith(STREAM);
}
