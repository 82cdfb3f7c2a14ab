import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface RecordedRequest {
  method: string;
  url: string;
  /** undefined without a body. */
  body: unknown;
  idempotencyKey: string | undefined;
}

/** A real HTTP server that records each request with its JSON body, and gives the same answer to all. */
export class RecordingServer {
  readonly requests: RecordedRequest[] = [];
  private readonly server = createServer((request, response) => void this.reply(request, response));

  constructor(private readonly answer: { status: number; body?: object }) {}

  static async start(status: number, body?: object): Promise<RecordingServer> {
    const recording = new RecordingServer({ status, ...(body && { body }) });
    recording.server.listen(0, '127.0.0.1');
    await once(recording.server, 'listening');
    return recording;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await text(request);
    this.requests.push({
      method,
      url,
      body: body === '' ? undefined : (JSON.parse(body) as unknown),
      idempotencyKey: headers['idempotency-key'] as string | undefined,
    });
    const { status, body: answer } = this.answer;
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type, connection: 'close' });
    response.end(answer === undefined ? undefined : JSON.stringify(answer));
  }
}
