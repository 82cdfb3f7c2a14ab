import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FakeAnswer } from './fake-answer.js';
import { anthropicFrames } from './fake-anthropic.js';
import { openAIFrames } from './fake-openai.js';

/** A request as the server received it. */
interface FakeRequest {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
  /** Resolves when the response closes: true if the client left before the answer was complete. */
  closed: Promise<boolean>;
}

export interface FakeModelServer {
  /** For ANTHROPIC_BASE_URL and OPENAI_COMPATIBLE_BASE_URL. */
  readonly url: string;
  readonly requests: FakeRequest[];
  /** Queues the answers to the next requests. Without a queued answer the model says `Hello world`. */
  script(...answers: FakeAnswer[]): void;
  close(): Promise<void>;
}

/**
 * Starts a server that imitates the streaming APIs of two model providers on one port:
 * Anthropic's Messages API (`POST …/messages`, https://platform.claude.com/docs/en/build-with-claude/streaming)
 * and OpenAI's chat completions (`POST …/chat/completions`, https://platform.openai.com/docs/api-reference/chat-streaming).
 */
export async function startFakeModelServer(): Promise<FakeModelServer> {
  const requests: FakeRequest[] = [];
  const answers: FakeAnswer[] = [];
  const server = createServer((request, response) => void handle(request, response));

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
    const closed = new Promise<boolean>((resolve) =>
      response.once('close', () => resolve(!response.writableFinished)),
    );
    const path = request.url ?? '';
    requests.push({ path, headers: request.headers, body, closed });
    const anthropic = path.endsWith('/messages');
    if (!anthropic && !path.endsWith('/chat/completions')) {
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"error":{"type":"not_found_error","message":"no such path"}}');
      return;
    }
    const answer = answers.shift() ?? {};
    if (answer.status !== undefined) {
      const error = answer.error ?? { type: 'api_error', message: 'scripted failure' };
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(
        JSON.stringify(
          anthropic ? { type: 'error', error } : { error: { ...error, code: null, param: null } },
        ),
      );
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      ...answer.headers,
    });
    const model = String(body['model']);
    await play(
      response,
      answer,
      anthropic ? anthropicFrames(answer, model) : openAIFrames(answer, model),
      anthropic,
    );
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    script: (...more) => void answers.push(...more),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function play(
  response: ServerResponse,
  answer: FakeAnswer,
  frames: string[],
  anthropic: boolean,
): Promise<void> {
  const most = answer.ending ? (answer.after ?? 0) : frames.length;
  response.flushHeaders();
  for (const frame of frames.slice(0, most)) {
    if (answer.delayMs) await new Promise((resolve) => setTimeout(resolve, answer.delayMs));
    if (response.destroyed) return;
    if (!response.write(frame))
      await new Promise<void>((resolve) => response.once('drain', resolve).once('close', resolve));
  }
  switch (answer.ending) {
    case 'reset':
      // Wait until the frames are sent. An earlier reset would discard them.
      response.write('', () =>
        setTimeout(() => (response.socket as { resetAndDestroy?(): void } | null)?.resetAndDestroy?.(), 20),
      );
      return;
    case 'hang':
      return;
    case 'ping': {
      const timer = setInterval(
        () => response.write(anthropic ? 'event: ping\ndata: {"type":"ping"}\n\n' : ': ping\n\n'),
        20,
      );
      response.once('close', () => clearInterval(timer));
      return;
    }
    case 'malformed':
      response.end('data: {"type":"content_block_delta","index":0,"delta":{"type":"text_del\n\n');
      return;
    case 'error': {
      const error = answer.error ?? { type: 'overloaded_error', message: 'Overloaded' };
      response.end(
        anthropic
          ? `event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`
          : `data: ${JSON.stringify({ error })}\n\n`,
      );
      return;
    }
    default:
      response.end();
  }
}
