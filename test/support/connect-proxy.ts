import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** A request to the proxy. */
export interface AskedTarget {
  /** What to connect to, such as `example.com:443`. */
  target: string;
  authorization: string | undefined;
}

/** A real HTTP proxy that only tunnels (RFC 9110, section 9.3.6). Where a tunnel leads is up to the test. */
export class ConnectProxy {
  readonly asked: AskedTarget[] = [];
  /** Ports on this machine, by the target that clients name. Other targets are answered with 502. */
  readonly ports = new Map<string, number>();
  /** The status of all answers, or `hang` for none at all. */
  answer: number | 'hang' = 200;
  private readonly sockets = new Set<Duplex>();

  private constructor(private readonly server: Server) {
    server.on('connect', (request, socket) => {
      this.sockets.add(socket);
      const target = request.url ?? '';
      this.asked.push({ target, authorization: request.headers['proxy-authorization'] });
      socket.on('error', () => socket.destroy());
      const port = this.ports.get(target);
      const status = this.answer === 200 && port === undefined ? 502 : this.answer;
      if (status === 'hang') return;
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
        return;
      }
      const onward = connect(port!, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
    });
    server.on('request', (request, response) => {
      this.asked.push({
        target: request.url ?? '',
        authorization: request.headers['proxy-authorization'],
      });
      response.writeHead(405).end();
    });
  }

  static async start(): Promise<ConnectProxy> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new ConnectProxy(server);
  }

  /** @param credentials such as `user:password` */
  url(credentials?: string): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
