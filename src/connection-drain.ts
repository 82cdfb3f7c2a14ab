import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type Socket, Server as NetServer } from 'node:net';

/** The connections of a server, and how they end when it is shut down. */
export class ConnectionDrain {
  private readonly open = new Set<Socket>();
  /** Those that had a stream when the shutdown began: its client is not waited for. */
  private readonly streaming = new Set<Socket>();
  /** The last answer of a connection, where it had to wait for another when its request came. */
  private readonly queued = new WeakMap<Socket, ServerResponse>();
  /** Those whose last answer is settled. */
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

  /** Refuses new connections and closes idle ones. The others end with the last answer that they are busy with. */
  begin(): void {
    if (this.deadline < Infinity) return;
    this.deadline = performance.now() + this.graceMs;
    // Not that of HTTP: it would cut off an answer that the client has not taken in yet, and end the time limits for
    // requests that are arriving.
    if (this.server.listening) NetServer.prototype.close.call(this.server);
    this.refuseFurther();
    for (const socket of this.open) this.finish(socket);
    // After what has arrived by now was read.
    setImmediate(() => {
      for (const socket of this.open) {
        if (this.ending.has(socket)) continue;
        this.ending.add(socket);
        socket.destroySoon();
      }
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

  /** Does not take on requests behind the last answer of their connection (RFC 9112, section 9.6). */
  private refuseFurther(): void {
    const listeners = this.server.listeners('request');
    this.server.removeAllListeners('request');
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      if (this.ending.has(socket)) {
        // Bytes that nobody has read would reset the connection when it is closed, and the client might lose an answer.
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
    // A stream that waits for another answer has to let that one be sent.
    else if (last === current && String(last.getHeader('Content-Type')).startsWith('text/event-stream'))
      this.streaming.add(socket);
    else last.once('finish', () => socket.destroySoon());
  }
}

/** The answer that a connection is busy with. Node has no public name for it. */
const responseOn = (socket: Socket): ServerResponse | undefined =>
  (socket as { _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
