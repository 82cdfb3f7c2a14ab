import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { randomUUID } from 'node:crypto';
import { bearer, describe, type ProtocolClient, QUESTION, type Site, watch } from './client.ts';

type Era = 'modern' | 'legacy';
/**
 * How long a client waits without progress. In the newest revision, version 2.4.0 of the SDK does not report a stream that ends
 * without a result, so that only this limit ends the call. In the ones before, the client continues by itself meanwhile.
 */
const TIMEOUT_MS = { modern: 5_000, legacy: 40_000 };

async function connect({ origin, key }: Site, era: Era): Promise<Client> {
  const client = new Client(
    { name: 'proxies', version: '1.0.0' },
    era === 'modern' ? { versionNegotiation: { mode: { pin: '2026-07-28' } } } : {},
  );
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', origin), {
    requestInit: { headers: bearer(key) },
    // Two retries, the default, may both come while the server restarts.
    reconnectionOptions: {
      initialReconnectionDelay: 500,
      maxReconnectionDelay: 2_000,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 20,
    },
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
      {
        onprogress: ({ message = '' }) => message.includes('word') && onText?.(message),
        timeout: TIMEOUT_MS[era],
        resetTimeoutOnProgress: true,
      },
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
  cancelsByLeaving: era === 'modern',
  watch: (site) => {
    const key = randomUUID();
    return watch(
      (onText) => call(site, era, key, onText),
      () =>
        call(site, era, key).catch((error: unknown) => {
          // A client that leaves cancels its execution in the newest revision, and nginx leaves for its clients.
          if (era === 'legacy' || !describe(error).includes('was cancelled')) throw error;
          return call(site, era, randomUUID());
        }),
    );
  },
});

/** Clients of MCP in the newest revision and the one before, which call the tool again. Without a result there is no answer. */
export const MCP: readonly ProtocolClient[] = [tool('modern'), tool('legacy')];
