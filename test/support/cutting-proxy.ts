import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of a server whose port may change; it cuts connections when told to, mid-byte if need be. */
export class CuttingProxy {
  /** Bytes that a connection may carry to the client before it is cut; no limit when undefined. */
  budget: (() => number) | undefined;
  /** Called for each connection; what it returns says of each piece how many bytes are passed on before the cut. */
  cutter: (() => (piece: string) => number | undefined) | undefined;
  /** Connections made through it. */
  connections = 0;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    public target: string,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  static async start(target: string): Promise<CuttingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttingProxy(server, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Leaves the connections open, but passes nothing on any more: what a NAT does that has forgotten them. */
  freeze(): void {
    for (const socket of this.sockets) socket.pause();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    this.connections += 1;
    const upstream = connect(Number(new URL(this.target).port), '127.0.0.1');
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.sockets.delete(socket);
        end();
      });
    }
    let left = Math.floor(this.budget?.() ?? Infinity);
    const cutter = this.cutter?.();
    client.pipe(upstream);
    upstream.on('data', (data: Buffer) => {
      if (left === 0) return;
      const most = cutter?.(data.toString('latin1'));
      if (most !== undefined) left = Math.min(left, most);
      const part = data.subarray(0, left);
      left -= part.length;
      // Not a reset: that would take back what the client has not read yet, and with it all progress.
      if (left === 0) client.end(part);
      else if (!client.write(part)) upstream.pause();
    });
    client.on('drain', () => upstream.resume());
    upstream.on('end', () => client.end());
  }
}
