import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';

type RouteHandler = (
  request: Request,
  context: { params: Promise<{ path?: string[] }> },
) => Promise<Response>;

/** Serves a route handler with an optional catch-all segment, as Next.js does for `app/api/chat/[[...path]]/route.ts`. */
export async function serveRoute(
  base: string,
  handlers: Record<string, RouteHandler>,
): Promise<{ url: string; close: () => void }> {
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = incoming;
    const left = new AbortController();
    outgoing.once('close', () => left.abort());
    const path = url
      .slice(base.length)
      .split('/')
      .filter(Boolean)
      .map((part) => decodeURIComponent(part));
    const request = new Request(new URL(url, 'http://127.0.0.1'), {
      method,
      body: method === 'POST' ? await text(incoming) : null,
      signal: left.signal,
    });
    const response = await handlers[method]!(request, { params: Promise.resolve({ path }) });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.flushHeaders();
    if (response.body) await pipeline(Readable.fromWeb(response.body as never), outgoing);
    else outgoing.end();
  };
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
