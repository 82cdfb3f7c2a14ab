import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers each POST and counts them by path. The status is 400 for paths below `/refuse/`, otherwise 200. */
export class CountingServer {
  private readonly posts = new Map<string, number>();
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    server.on('request', (request, response) => {
      const path = request.url ?? '';
      this.posts.set(path, (this.posts.get(path) ?? 0) + 1);
      request.resume();
      request.on('end', () => {
        response.writeHead(path.startsWith('/refuse/') ? 400 : 200, { 'content-type': 'application/json' });
        response.end('{"ok":true}');
      });
    });
  }

  static async start(): Promise<CountingServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CountingServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Returns how many requests this path received. */
  count(path: string): number {
    return this.posts.get(path) ?? 0;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
