import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real HTTP server on 127.0.0.1 that counts requests by path. The status is 400 below `/refuse/`, otherwise 200. */
export class CountingServer {
  private readonly counts = new Map<string, number>();
  private readonly server = createServer((request, response) => {
    const path = request.url ?? '';
    this.counts.set(path, this.count(path) + 1);
    request.resume();
    request.on('end', () => {
      // A kept-alive connection would time out at some point, perhaps just when the next request is sent.
      response.writeHead(path.startsWith('/refuse/') ? 400 : 200, {
        'content-type': 'application/json',
        connection: 'close',
      });
      response.end('{"ok":true}');
    });
  });

  static async start(): Promise<CountingServer> {
    const counting = new CountingServer();
    counting.server.listen(0, '127.0.0.1');
    await once(counting.server, 'listening');
    return counting;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Returns how many requests this path has received. */
  count(path: string): number {
    return this.counts.get(path) ?? 0;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
