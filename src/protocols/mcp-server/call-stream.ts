import type { Response } from 'express';
import { once } from 'node:events';

/** The server-sent events that answer one call of a client before revision 2026-07-28. */
export class CallStream {
  private readonly left = new AbortController();
  private readonly heartbeat: NodeJS.Timeout;

  /** Sends the headers. */
  constructor(
    private readonly response: Response,
    heartbeatMs: number,
  ) {
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
    });
    response.flushHeaders();
    response.once('close', () => this.left.abort('left'));
    if (response.destroyed) this.left.abort('left');
    this.heartbeat = setInterval(() => response.write(': ping\n\n'), heartbeatMs);
    this.heartbeat.unref();
  }

  /** Aborts when the client has left. */
  get closed(): AbortSignal {
    return this.left.signal;
  }

  /**
   * Sends an event without a message, from whose id a client can continue (2025-11-25, Streamable HTTP). Earlier clients cannot
   * read it.
   */
  prime(eventId: string, retryMs: number): void {
    this.response.write(`id: ${eventId}\nretry: ${retryMs}\ndata: \n\n`);
  }

  /** Sends a message. Resolves when the client can take another one, or has left. */
  async send(message: object, eventId?: string): Promise<void> {
    if (this.closed.aborted) return;
    const id = eventId === undefined ? '' : `id: ${eventId}\n`;
    if (this.response.write(`event: message\n${id}data: ${JSON.stringify(message)}\n\n`)) return;
    await once(this.response, 'drain', { signal: this.closed }).catch(() => undefined);
  }

  end(): void {
    clearInterval(this.heartbeat);
    this.response.end();
  }
}
