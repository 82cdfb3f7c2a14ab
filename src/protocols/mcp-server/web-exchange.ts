import type { Request as ExpressRequest, Response as ExpressResponse } from 'express';
import { once } from 'node:events';

/** The exchange of one HTTP request in the types of the Fetch Standard, which the MCP SDK uses. */
export class WebExchange {
  private readonly left = new AbortController();
  private isDone = false;

  constructor(
    private readonly incoming: ExpressRequest,
    private readonly response: ExpressResponse,
  ) {
    response.once('close', () => {
      if (!this.isDone) this.left.abort();
    });
    if (response.destroyed) this.left.abort();
  }

  /** Returns the request without its body, which has been read and parsed. Its signal aborts when the client leaves. */
  get request(): Request {
    const { method, headers, originalUrl } = this.incoming;
    const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    );
    // The host is not used, and may not be valid.
    return new Request(new URL(originalUrl, 'http://localhost'), {
      method,
      headers: given,
      signal: this.left.signal,
    });
  }

  /** Resolves when the client can take more of the response, or has left. */
  readonly ready = async (): Promise<void> => {
    if (!this.response.writableNeedDrain || this.left.signal.aborted) return;
    await once(this.response, 'drain', { signal: this.left.signal }).catch(() => undefined);
  };

  /** Sends a response as it is produced. */
  async send({ status, headers, body }: Response): Promise<void> {
    this.response.writeHead(status, Object.fromEntries(headers));
    try {
      for await (const chunk of body ?? []) {
        if (this.left.signal.aborted) break;
        this.response.write(chunk);
        await this.ready();
      }
    } finally {
      this.isDone = true;
      this.response.end();
    }
  }
}
