import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Socket, Server as NetServer } from 'node:net';

/** The connections of a server, and how they end when it is shut down. */
export class ConnectionDrain {
  private readonly open = new Set<Socket>();
  /** Those that had a stream when the shutdown began: its client is not waited for. */
  private readonly streaming = new Set<Socket>();
  private deadline = Infinity;

  /** @param graceMs how long connections may take to end */
  constructor(
    private readonly server: Server,
    private readonly graceMs: number,
  ) {
    server.on('connection', (socket) => {
      this.open.add(socket);
      socket.once('close', () => this.open.delete(socket));
    });
  }

  /** Refuses new connections and closes idle ones. What is answered from here on is the last answer of its connection. */
  begin(): void {
    if (this.deadline < Infinity) return;
    this.deadline = performance.now() + this.graceMs;
    // Not that of HTTP: it would cut off an answer that the client has not taken in yet, and end the time limits for
    // requests that are arriving.
    if (this.server.listening) NetServer.prototype.close.call(this.server);
    this.server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
      response.shouldKeepAlive = false;
    });
    for (const socket of this.open) this.finish(socket);
    // After what has arrived by now was read.
    setImmediate(() => {
      for (const socket of this.open) if (!responseOn(socket)) socket.destroySoon();
    });
  }

  /** Waits until all connections have ended, and cuts off those that have not when their time is up. */
  async end(): Promise<void> {
    this.begin();
    for (const socket of this.streaming) socket.destroy();
    const last = Promise.withResolvers<void>();
    const check = () => {
      if (this.open.size === 0) last.resolve();
    };
    for (const socket of this.open) socket.once('close', check);
    check();
    const timer = setTimeout(last.resolve, this.deadline - performance.now());
    await last.promise;
    clearTimeout(timer);
    for (const socket of this.open) socket.destroy();
    // Ends what Node checks connections by.
    this.server.close(() => undefined);
  }

  private finish(socket: Socket): void {
    const response = responseOn(socket);
    if (!response) return;
    if (!response.headersSent) response.shouldKeepAlive = false;
    else if (String(response.getHeader('Content-Type')).startsWith('text/event-stream'))
      this.streaming.add(socket);
    else response.once('finish', () => socket.destroySoon());
  }
}

/** The answer that a connection is busy with. Node has no public name for it. */
const responseOn = (socket: Socket): ServerResponse | undefined =>
  (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
