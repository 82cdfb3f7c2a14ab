import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Socket, Server as NetServer } from 'node:net';

/** Ends the connections of an HTTP server in a shutdown, without cutting off responses. */
export class ConnectionDrain {
  private readonly open = new Set<Socket>();
  /** Connections that had a stream when the shutdown began. The shutdown does not wait for their clients. */
  private readonly streaming = new Set<Socket>();
  /** The last response of a connection, if its request was pipelined: it waits for an earlier response. */
  private readonly queued = new WeakMap<Socket, ServerResponse>();
  /** Connections whose last response is known. They accept no further request. */
  private readonly ending = new WeakSet<Socket>();
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
    server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      if (responseOn(socket) === response) this.queued.delete(socket);
      else this.queued.set(socket, response);
    });
  }

  /** Refuses new connections and closes idle ones. Each other connection ends after the last response under way on it. */
  begin(): void {
    if (this.deadline < Infinity) return;
    this.deadline = performance.now() + this.graceMs;
    // The close method of the HTTP server is not used: it would cut off responses that the client has not received
    // completely, and would stop the timeouts of requests that are arriving.
    if (this.server.listening) NetServer.prototype.close.call(this.server);
    this.refuseFurther();
    for (const socket of this.open) this.finish(socket);
    // Requests that have arrived by now are read before this runs.
    setImmediate(() => {
      for (const socket of this.open) {
        if (this.ending.has(socket)) continue;
        this.ending.add(socket);
        socket.destroySoon();
      }
    });
  }

  /** Waits until all connections have ended. Destroys those that are still open when the grace period is over. */
  async end(): Promise<void> {
    this.begin();
    for (const socket of this.streaming) socket.destroy();
    const allClosed = Promise.withResolvers<void>();
    const check = () => {
      if (this.open.size === 0) allClosed.resolve();
    };
    for (const socket of this.open) socket.once('close', check);
    check();
    const timer = setTimeout(allClosed.resolve, this.deadline - performance.now());
    await allClosed.promise;
    clearTimeout(timer);
    for (const socket of this.open) socket.destroy();
    // Stops the timer by which Node checks the timeouts of connections.
    this.server.close(() => undefined);
  }

  /** Ignores requests that follow the last response of their connection (RFC 9112, section 9.6). */
  private refuseFurther(): void {
    const listeners = this.server.listeners('request');
    this.server.removeAllListeners('request');
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      if (this.ending.has(socket)) {
        // Closing a connection with unread bytes would reset it, and the client might lose a response.
        request.resume();
        return;
      }
      this.ending.add(socket);
      response.shouldKeepAlive = false;
      for (const listener of listeners) listener.call(this.server, request, response);
    });
  }

  private finish(socket: Socket): void {
    const current = responseOn(socket);
    const queued = this.queued.get(socket);
    const last = queued && !queued.writableFinished ? queued : current;
    if (!last) return;
    this.ending.add(socket);
    if (!last.headersSent) last.shouldKeepAlive = false;
    // A queued stream does not count here, because the response before it must be sent completely.
    else if (last === current && String(last.getHeader('Content-Type')).startsWith('text/event-stream'))
      this.streaming.add(socket);
    else last.once('finish', () => socket.destroySoon());
  }
}

/** Returns the response that is being sent on a connection. Node has no public API for it. */
const responseOn = (socket: Socket): ServerResponse | undefined =>
  (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
