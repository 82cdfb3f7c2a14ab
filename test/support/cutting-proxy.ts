import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy in front of a server. The target may change. It cuts connections on request, also inside a frame. */
export class CuttingProxy {
  /** Returns how many bytes a connection may carry to the client before it is cut. Undefined: no limit. */
  budget: (() => number) | undefined;
  /**
   * Called once for each connection. The function that it returns decides for each received piece after how many
   * bytes the connection is cut; undefined: it is not cut.
   */
  cutter: (() => (piece: string) => number | undefined) | undefined;
  /** How many connections were made through the proxy. */
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

  /** Leaves the connections open but forwards nothing, like a NAT that has dropped its mapping. */
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
      // A reset would discard the bytes that the client has not read yet, and the client would make no progress.
      if (left === 0) client.end(part);
      else if (!client.write(part)) upstream.pause();
    });
    client.on('drain', () => upstream.resume());
    upstream.on('end', () => client.end());
  }
}
