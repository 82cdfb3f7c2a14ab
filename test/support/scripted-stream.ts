import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How one request is answered. */
export interface ScriptedAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Each is one write, and waits until the one before is out. */
  chunks?: readonly (string | Uint8Array)[];
  /** After the chunks: the proper end (default), a cut without one, or nothing at all. */
  ending?: 'end' | 'cut' | 'hang';
}

/** A small real HTTP server that answers requests in turn as it was told, and the last answer for ever after. */
export class ScriptedStream {
  readonly requests: { url: string; at: number; headers: IncomingHttpHeaders }[] = [];
  /** Connections that the client has left. */
  left = 0;
  private arrived: (() => void)[] = [];
  private readonly server = createServer((request, response) => {
    this.requests.push({ url: request.url ?? '', at: Date.now(), headers: request.headers });
    response.on('close', () => {
      if (!response.writableEnded) this.left += 1;
      this.stir();
    });
    const answer = this.answers[Math.min(this.requests.length, this.answers.length) - 1];
    this.stir();
    void play(response, answer ?? { status: 500 });
  });

  constructor(private answers: ScriptedAnswer[]) {}

  static async start(...answers: ScriptedAnswer[]): Promise<ScriptedStream> {
    const stream = new ScriptedStream(answers);
    stream.server.listen(0, '127.0.0.1');
    await once(stream.server, 'listening');
    return stream;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.arrived.push(resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private stir(): void {
    for (const resolve of this.arrived.splice(0)) resolve();
  }
}

async function play(response: ServerResponse, answer: ScriptedAnswer): Promise<void> {
  const { status = 200, headers = {}, chunks = [], ending = 'end' } = answer;
  response.writeHead(status, status === 200 ? { 'content-type': 'text/event-stream', ...headers } : headers);
  response.flushHeaders();
  for (const chunk of chunks) {
    await new Promise((resolve) => response.write(chunk, resolve));
    // A turn of its own, so that the client has a chance to read it alone.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (ending === 'end') response.end();
  else if (ending === 'cut') response.socket?.end();
}

/** A frame as the server writes it. */
export const frame = (
  sequence: number,
  chunk: string,
  type = 'execution:output',
  more: object = {},
): string =>
  `event: ${type}\ndata: ${JSON.stringify({ executionId: 'x', timestamp: 't', chunk, ...more })}\nid: ${sequence}\n\n`;
