import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP proxy before PostgreSQL that records the SQL text of each statement that passes, in order. */
export class StatementRecorder {
  private readonly statements: string[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.join(client));
  }

  /** @param url of the database; connections must not be encrypted */
  static async start(url: string): Promise<StatementRecorder> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new StatementRecorder(server, new URL(url));
  }

  /** Address of the database through this proxy. */
  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return Object.assign(new URL(this.target), { hostname: '127.0.0.1', port: String(port) }).href;
  }

  /** Returns the statements that pass while `work` runs. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    const before = this.statements.length;
    await work();
    return this.statements.slice(before);
  }

  /** Waits until a statement that contains each of the texts has passed. */
  async until(...texts: string[]): Promise<void> {
    while (!texts.every((text) => this.statements.some((sql) => sql.includes(text)))) await sleep(5);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    client.on('data', this.reader()).pipe(server);
    server.pipe(client);
  }

  /** Reads the messages of one connection (PostgreSQL documentation, section "Message Formats"). */
  private reader(): (data: Buffer) => void {
    const prepared = new Map<string, string>();
    let rest = Buffer.alloc(0);
    // The first message of a connection has no type.
    let headBytes = 0;
    return (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= headBytes + 4) {
        const end = headBytes + rest.readInt32BE(headBytes);
        if (rest.length < end) return;
        const type = headBytes === 0 ? '' : String.fromCharCode(rest[0]!);
        const fields = rest.toString('utf8', headBytes + 4, end).split('\0');
        rest = rest.subarray(end);
        headBytes = 1;
        if (type === 'Q') this.statements.push(fields[0]!);
        // Parse: the name of the statement and its text. Bind: the portal and the name of the statement.
        if (type === 'P') prepared.set(fields[0]!, fields[1]!);
        if (type === 'B') this.statements.push(prepared.get(fields[1]!)!);
      }
    };
  }
}
