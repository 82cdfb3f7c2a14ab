import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message of JSON-RPC that the client sent. */
export interface Message {
  id?: string | number;
  method?: string;
  params?: Record<string, unknown> & { cursor?: string; name?: string; _meta?: { progressToken?: unknown } };
  result?: unknown;
  error?: unknown;
}

export interface Exchange {
  readonly message: Message;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Answers with a JSON body. */
  readonly json: (body: unknown, status?: number) => void;
  /** Answers with the result of the request. */
  readonly result: (result: unknown) => void;
  /** Begins a stream of events. */
  readonly stream: () => EventStream;
}

/** A stream of events, which the server ends or not. */
export interface EventStream {
  readonly send: (message: unknown) => boolean;
  readonly raw: (text: string) => boolean;
  readonly end: () => void;
}

/** What a server does, by the method of the request; for other requests it behaves well. */
export type Behaviour = Record<string, (exchange: Exchange) => void>;

const TOOL = { name: 'act', description: 'Acts.', inputSchema: { type: 'object' } };
export const toolNamed = (name: string, more: object = {}) => ({ ...TOOL, name, ...more });

const WELL_BEHAVED: Behaviour = {
  'server/discover': ({ json, message }) =>
    json({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } }),
  initialize: ({ result }) =>
    result({
      protocolVersion: '2025-06-18',
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'hostile', version: '1' },
    }),
  'tools/list': ({ result }) => result({ tools: [TOOL] }),
  'tools/call': ({ result }) => result({ content: [{ type: 'text', text: 'fine' }] }),
};

/** A small server over Streamable HTTP that misbehaves in one way. */
export class HostileMcpServer {
  /** What clients sent. */
  readonly messages: Message[] = [];
  readonly requests: { method: string; headers: IncomingMessage['headers'] }[] = [];
  behaviour: Behaviour = {};

  private constructor(
    readonly url: string,
    private readonly server: ReturnType<typeof createServer>,
  ) {}

  static async start(): Promise<HostileMcpServer> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const hostile = new HostileMcpServer(`http://127.0.0.1:${port}/mcp`, server);
    server.on('request', (request, response) => void hostile.answer(request, response));
    return hostile;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await once(this.server.close(), 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    this.requests.push({ method: request.method!, headers: request.headers });
    const other = this.behaviour[`${request.method} ${request.url}`];
    const message = (body.startsWith('{') ? JSON.parse(body) : {}) as Message;
    this.messages.push(message);
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const exchange: Exchange = {
      message,
      request,
      response,
      json,
      result: (result) => json({ jsonrpc: '2.0', id: message.id, result }),
      stream: () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        return {
          send: (sent) => response.write(`data: ${JSON.stringify(sent)}\n\n`),
          raw: (text) => response.write(text),
          end: () => response.end(),
        };
      },
    };
    const behave = other ?? this.behaviour[message.method ?? ''] ?? WELL_BEHAVED[message.method ?? ''];
    if (behave) behave(exchange);
    else response.writeHead(request.method === 'POST' ? 202 : 405).end();
  }
}
