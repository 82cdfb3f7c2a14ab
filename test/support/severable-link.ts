import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP forwarder to a server. Cutting it looks like an outage of the server or of the network. */
export class SeverableLink {
  private readonly sockets = new Set<Socket>();
  private isCut = false;

  private constructor(private readonly server: ReturnType<typeof createServer>) {}

  static async to(port: number): Promise<SeverableLink> {
    const server = createServer();
    const link = new SeverableLink(server);
    server.on('connection', (near) => {
      if (link.isCut) {
        near.destroy();
        return;
      }
      const far = connect(port, '127.0.0.1');
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        link.sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('close', () => {
          link.sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  restore(): void {
    this.isCut = false;
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}
