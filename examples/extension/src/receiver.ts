import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export interface Received {
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}
export interface Answer {
  status: number;
  type?: string;
  text?: string;
}

/** For tests: an HTTP server that records the requests that it gets. It ends with the process. */
export class Receiver {
  readonly requests: Received[] = [];

  private constructor(private readonly server: Server) {}

  /** @param answer makes the answer to a request; `index` is 0 for the first one */
  static async start(answer: (request: Received, index: number) => Answer): Promise<Receiver> {
    const server = createServer((request, response) => {
      void json(request).then((body) => {
        const received = { headers: request.headers, body: body as Record<string, unknown> };
        const { status, type = 'text/plain', text = '' } = answer(received, receiver.requests.length);
        receiver.requests.push(received);
        response.writeHead(status, { 'content-type': type }).end(text);
      });
    }).listen(0, '127.0.0.1');
    const receiver = new Receiver(server);
    await once(server, 'listening');
    server.unref();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }
}
