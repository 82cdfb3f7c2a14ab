import type { ServerResponse } from 'node:http';
import { type FakeHttpServer, type ReceivedRequest, startFakeHttpServer } from './fake-http-server.js';

/** An endpoint for HTTP tools. It records its requests, and can hold its answers back. */
export class ToolEndpoint {
  /** Whether requests get no answer until `release`. */
  hold = false;
  private held: ServerResponse[] = [];
  private waiters: (() => void)[] = [];

  private constructor(private readonly server: { current?: FakeHttpServer }) {}

  static async start(): Promise<ToolEndpoint> {
    const server: { current?: FakeHttpServer } = {};
    const endpoint = new ToolEndpoint(server);
    server.current = await startFakeHttpServer((_request, response) => endpoint.answer(response));
    return endpoint;
  }

  get url(): string {
    return this.server.current!.url;
  }

  get requests(): ReceivedRequest[] {
    return this.server.current!.requests;
  }

  /** Waits until the endpoint has received so many requests. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Answers the held requests, and later ones at once. */
  release(): void {
    this.hold = false;
    for (const response of this.held.splice(0)) this.reply(response);
  }

  close(): Promise<void> {
    return this.server.current!.close();
  }

  private answer(response: ServerResponse): void {
    if (this.hold) this.held.push(response);
    else this.reply(response);
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private reply(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
  }
}
