import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The answer to one request. */
export interface ScriptedAnswer {
  status?: number;
  headers?: Record<string, string>;
  /** Each chunk is one write. It starts after the previous write has been flushed. */
  chunks?: readonly (string | Uint8Array)[];
  /** After the chunks: `end` the response (default), `cut` the connection, or `hang` without an end. */
  ending?: 'end' | 'cut' | 'hang';
}

/** A small real HTTP server that gives the listed answers in turn, and repeats the last one. */
export class ScriptedStream {
  readonly requests: { method: string; url: string; at: number; headers: IncomingHttpHeaders }[] = [];
  /** Number of responses that the client has closed before their end. */
  left = 0;
  private waiting: (() => void)[] = [];
  private readonly server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, at: Date.now(), headers });
    response.on('close', () => {
      if (!response.writableEnded) this.left += 1;
      this.notify();
    });
    const answer = this.answers[Math.min(this.requests.length, this.answers.length) - 1];
    this.notify();
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
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private notify(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

async function play(response: ServerResponse, answer: ScriptedAnswer): Promise<void> {
  const { status = 200, headers = {}, chunks = [], ending = 'end' } = answer;
  response.writeHead(status, status === 200 ? { 'content-type': 'text/event-stream', ...headers } : headers);
  response.flushHeaders();
  for (const chunk of chunks) {
    await new Promise((resolve) => response.write(chunk, resolve));
    // Yield, so that the client can read this chunk on its own.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (ending === 'end') response.end();
  else if (ending === 'cut') response.socket?.end();
}

/** Returns a frame in the server's format. */
export const frame = (
  sequence: number,
  chunk: string,
  type = 'execution:output',
  more: object = {},
): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence, executionId: 'x', timestamp: 't', chunk, ...more })}\nid: ${sequence}\n\n`;
