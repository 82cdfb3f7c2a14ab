import { ExpressAdapter } from '@nestjs/platform-express';
import { type Problem, PROBLEM_CODES } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';

/** The adapter of an application that gets its requests from a host and has no HTTP server of its own. */
export class EmbeddedAdapter extends ExpressAdapter {
  private readonly open = new Set<Response>();
  private state: 'starting' | 'ready' | 'closing' = 'starting';
  /** The path of the application in the host's URLs. */
  basePath = '';

  /** @param graceMs how long responses may take to end in a shutdown */
  constructor(private readonly graceMs: number) {
    super();
  }

  /** Answers requests from now on. */
  begin(): void {
    if (this.state === 'starting') this.state = 'ready';
  }

  /** Answers a request whose URL has lost the base path. */
  handle(request: Request, response: Response): void {
    // The host's Express has set it.
    response.removeHeader('X-Powered-By');
    if (this.state !== 'ready') {
      refuse(response);
      return;
    }
    this.open.add(response);
    response.once('close', () => this.open.delete(response));
    this.instance(request, response);
  }

  /** Returns the URL as Nest knows the routes, because Nest compares it with the paths that a middleware excludes. */
  override getRequestUrl(request: Request): string {
    return request.originalUrl.slice(this.basePath.length) || '/';
  }

  override beforeClose(): void {
    super.beforeClose();
    this.state = 'closing';
  }

  /** Waits for the responses under way, and destroys those that are open when the grace period is over. */
  override async close(): Promise<void> {
    // Streams have been ended. The shutdown does not wait for clients that do not read the end.
    for (const response of this.open) if (isStream(response)) response.destroy();
    const allClosed = Promise.withResolvers<void>();
    const check = () => {
      if (this.open.size === 0) allClosed.resolve();
    };
    for (const response of this.open) response.once('close', check);
    check();
    const timer = setTimeout(allClosed.resolve, this.graceMs);
    await allClosed.promise;
    clearTimeout(timer);
    for (const response of this.open) response.destroy();
  }
}

const isStream = (response: Response): boolean =>
  response.headersSent && String(response.getHeader('Content-Type')).startsWith('text/event-stream');

function refuse(response: Response): void {
  const { status, text: detail } = PROBLEM_CODES.not_ready;
  const title = STATUS_CODES[status] ?? 'Error';
  const problem: Problem = { type: 'about:blank', title, status, detail, code: 'not_ready' };
  response
    .writeHead(status, {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      'Retry-After': '1',
      Connection: 'close',
    })
    .end(JSON.stringify(problem));
}
