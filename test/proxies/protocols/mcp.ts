import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { randomUUID } from 'node:crypto';
import { bearer, type ProtocolClient, QUESTION, type Site, watch } from './client.ts';

type Era = 'modern' | 'legacy';

async function connect({ origin, key }: Site, era: Era): Promise<Client> {
  const client = new Client(
    { name: 'proxies', version: '1.0.0' },
    era === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  );
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', origin), {
    requestInit: { headers: bearer(key) },
  });
  await client.connect(transport);
  return client;
}

const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('');

/** Calls the workflow as a tool. The same key starts one execution. */
async function call(
  site: Site,
  era: Era,
  idempotencyKey: string,
  onText?: (text: string) => void,
): Promise<string> {
  const client = await connect(site, era);
  try {
    const result = await client.callTool(
      {
        name: site.workflow,
        arguments: { text: QUESTION },
        _meta: { 'cloutagent/idempotencyKey': idempotencyKey },
      },
      { onprogress: ({ message = '' }) => message.includes('word') && onText?.(message) },
    );
    const text = textOf(result);
    if (result._meta?.['cloutagent/status'] !== 'completed') throw new Error(text);
    return text;
  } finally {
    await client.close();
  }
}

const tool = (era: Era): ProtocolClient => ({
  name: `MCP, ${era}`,
  seesCuts: true,
  watch: (site) => {
    const key = randomUUID();
    return watch(
      (onText) => call(site, era, key, onText),
      () => call(site, era, key),
    );
  },
});

/** Clients of MCP in the newest revision and the one before, which call the tool again. Without a result there is no answer. */
export const MCP: readonly ProtocolClient[] = [tool('modern'), tool('legacy')];
