import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One response of a provider, byte by byte. */
export interface RawAnswer {
  status?: number;
  /** The content type; null for none. `text/event-stream` by default. */
  type?: string | null;
  headers?: Record<string, string>;
  /** Each item is written on its own, after the one before it is sent. */
  body?: string | Buffer | (string | Buffer)[];
  /** All bytes of the response, in place of the members above. */
  raw?: string | Buffer;
  /** What happens after the body; `end` by default. */
  ending?: 'end' | 'reset' | 'hang';
}

export interface RawProvider {
  /** For ANTHROPIC_BASE_URL and OPENAI_COMPATIBLE_BASE_URL. */
  readonly url: string;
  /** The bodies of the requests. */
  readonly requests: Record<string, unknown>[];
  /** How many connections clients have opened. */
  connections(): number;
  /** Queues the answers to the next requests. */
  script(...answers: RawAnswer[]): void;
  /** Forgets the answers that no request has got. */
  unscript(): void;
  close(): Promise<void>;
}

/** Starts an HTTP server that answers each request with exactly the bytes of the next scripted answer. */
export async function startRawProvider(): Promise<RawProvider> {
  const answers: RawAnswer[] = [];
  const requests: Record<string, unknown>[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push(JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
      void send(response, answers.shift() ?? { status: 500, body: 'no answer is scripted' });
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    connections: () => connections,
    script: (...more) => void answers.push(...more),
    unscript: () => void answers.splice(0),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function send(response: ServerResponse, answer: RawAnswer): Promise<void> {
  const { status = 200, type = 'text/event-stream', headers = {}, body = [], raw, ending = 'end' } = answer;
  const { socket } = response;
  if (raw !== undefined) return void socket?.end(raw);
  response.writeHead(status, { ...(type !== null && { 'content-type': type }), ...headers });
  for (const part of Array.isArray(body) ? body : [body]) {
    if (part.length === 0 || response.destroyed) continue;
    await new Promise<void>((resolve) => response.write(part, () => resolve()));
  }
  if (ending === 'end') response.end();
  // What was written is in the socket. A reset before the client has read it would discard it.
  else if (ending === 'reset') setTimeout(() => socket?.resetAndDestroy(), 20);
  else response.flushHeaders();
}
