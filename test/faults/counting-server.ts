import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A real HTTP server on 127.0.0.1 that answers every request with 200 and counts them by path. */
export class CountingServer {
  private readonly counts = new Map<string, number>();
  private readonly server = createServer((request, response) => {
    const path = request.url ?? '';
    this.counts.set(path, this.count(path) + 1);
    request.resume();
    // A kept-alive connection would time out at some point, perhaps just when the next request is sent.
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
    response.end('{"taken":true}');
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

  count(path: string): number {
    return this.counts.get(path) ?? 0;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
