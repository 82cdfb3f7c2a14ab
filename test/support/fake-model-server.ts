import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the server does with one request. */
export interface Script {
  text?: string[];
  thinking?: string[];
  tool?: { name: string; input: object };
  usage?: { input: number; output: number };
  /** Answers with this status and no stream. */
  status?: number;
  headers?: Record<string, string>;
  /** What happens after the text instead of a proper end. */
  ending?: 'reset' | 'hang' | 'malformed' | 'end' | 'error';
}

/**
 * Imitates two providers' streaming wire formats, each as its documentation has it: Anthropic's Messages
 * (POST /v1/messages: message_start, content_block_*, message_delta, message_stop, ping, error) and the chat
 * completions that OpenAI-compatible servers speak (POST /v1/chat/completions: chunks, [DONE]).
 */
export class FakeModelServer {
  readonly requests: { path: string; body: { messages: unknown[]; system?: unknown } }[] = [];
  /** Connections that the client closed before the answer was complete. */
  aborted = 0;
  private scripts: Script[] = [];

  private constructor(private readonly server: ReturnType<typeof createServer>) {
    server.on('request', (request, response) => void this.answer(request, response));
  }

  static async start(): Promise<FakeModelServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeModelServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What the next requests get, in turn. */
  script(...scripts: Script[]): void {
    this.scripts = scripts;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = request.url ?? '';
    this.requests.push({ path, body: JSON.parse(Buffer.concat(chunks).toString()) as never });
    response.on('close', () => {
      if (!response.writableEnded) this.aborted += 1;
    });
    const script = this.scripts.shift() ?? { text: ['unscripted'] };
    if (script.status !== undefined) {
      const type = script.status === 529 ? 'overloaded_error' : 'api_error';
      response.writeHead(script.status, { 'content-type': 'application/json', ...script.headers });
      response.end(JSON.stringify({ type: 'error', error: { type, message: 'scripted' } }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const frames = path.endsWith('/messages') ? anthropic(script) : openai(script);
    for (const frame of frames) {
      response.write(frame);
      await sleep(2);
    }
    if (script.ending === 'reset') request.socket.destroy();
    else if (script.ending !== 'hang') response.end();
  }
}

const sse = (event: string, data: object) =>
  `event: ${event}\ndata: ${JSON.stringify({ type: event, ...data })}\n\n`;

function* anthropic(script: Script): Generator<string> {
  const { input = 7, output = 3 } = script.usage ?? {};
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: input, output_tokens: 1 },
  };
  yield sse('message_start', { message });
  yield sse('ping', {});
  let index = 0;
  if (script.thinking) {
    yield sse('content_block_start', {
      index,
      content_block: { type: 'thinking', thinking: '', signature: '' },
    });
    for (const thinking of script.thinking)
      yield sse('content_block_delta', { index, delta: { type: 'thinking_delta', thinking } });
    yield sse('content_block_delta', { index, delta: { type: 'signature_delta', signature: 'sig' } });
    yield sse('content_block_stop', { index });
    index += 1;
  }
  if (script.text) {
    yield sse('content_block_start', { index, content_block: { type: 'text', text: '' } });
    for (const text of script.text)
      yield sse('content_block_delta', { index, delta: { type: 'text_delta', text } });
    if (script.ending === 'malformed')
      yield 'event: content_block_delta\ndata: {"type":"content_block_delta", nonsense\n\n';
    if (script.ending === 'error')
      yield sse('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    if (script.ending !== undefined) return;
    yield sse('content_block_stop', { index });
    index += 1;
  }
  if (script.tool) {
    yield sse('content_block_start', {
      index,
      content_block: { type: 'tool_use', id: 'toolu_1', name: script.tool.name, input: {} },
    });
    yield sse('content_block_delta', {
      index,
      delta: { type: 'input_json_delta', partial_json: JSON.stringify(script.tool.input) },
    });
    yield sse('content_block_stop', { index });
  }
  yield sse('message_delta', {
    delta: { stop_reason: script.tool ? 'tool_use' : 'end_turn', stop_sequence: null },
    usage: { output_tokens: output },
  });
  yield sse('message_stop', {});
}

function* openai(script: Script): Generator<string> {
  const { input = 7, output = 3 } = script.usage ?? {};
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  yield chunk({ role: 'assistant', content: '' });
  for (const thinking of script.thinking ?? []) yield chunk({ reasoning_content: thinking });
  for (const content of script.text ?? []) yield chunk({ content });
  if (script.ending === 'malformed') yield 'data: {"choices": nonsense\n\n';
  if (script.ending === 'error')
    yield `data: ${JSON.stringify({ error: { message: 'overloaded', type: 'server_error' } })}\n\n`;
  if (script.ending !== undefined) return;
  if (script.tool) {
    const call = {
      index: 0,
      id: 'call_1',
      type: 'function',
      function: { name: script.tool.name, arguments: JSON.stringify(script.tool.input) },
    };
    yield chunk({ tool_calls: [call] });
  }
  yield chunk({}, script.tool ? 'tool_calls' : 'stop');
  yield `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } })}\n\n`;
  yield 'data: [DONE]\n\n';
}
