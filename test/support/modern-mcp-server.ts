// A server of the official package that speaks revision 2026-07-28 and nothing older.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMcpHandler, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const factory = () => {
  const server = new McpServer({ name: 'modern', version: '1.0.0' });
  server.registerTool('key', { description: 'Returns the key of the call.' }, (context) => ({
    content: [{ type: 'text', text: String(context.mcpReq._meta?.['cloutagent/idempotencyKey']) }],
  }));
  server.registerTool('ask', { description: 'Asks the user.' }, () =>
    inputRequired({
      inputRequests: {
        name: inputRequired.elicit({
          message: 'Your name?',
          requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
        }),
      },
    }),
  );
  const region: object = { type: 'string', 'x-mcp-header': 'Region' };
  const inputSchema = fromJsonSchema<{ region: string }>({
    type: 'object',
    properties: { region },
    required: ['region'],
  });
  server.registerTool(
    'regional',
    { description: 'Works in a region.', inputSchema },
    ({ region: given }) => ({
      content: [{ type: 'text', text: `in ${given}` }],
    }),
  );
  return server;
};

/** Serves the handler at a free port, and collects the headers of the requests. */
export async function startModernServer() {
  const handler = createMcpHandler(factory, { legacy: 'reject' });
  const requests: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      requests.push(request.headers);
      const answer = await handler.fetch(
        new Request(`http://127.0.0.1${request.url}`, {
          method: request.method!,
          headers: request.headers as Record<string, string>,
          ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
        }),
      );
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      if (answer.body) for await (const chunk of answer.body) response.write(chunk);
      response.end();
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    requests,
    close: async () => {
      await handler.close();
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

if (process.argv[2] === 'stdio') serveStdio(factory, { legacy: 'reject' });
