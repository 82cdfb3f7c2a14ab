import { orDefault, orNull } from '@cloutagent/contract';
import { z } from 'zod';
import { Headers, Url } from '../http/http-config.js';
import { ToolApprovalConfig } from '../tools/tool-approval-config.js';

const MAX_SERVERS = 16;

/** An MCP server of an agent: one that the operator has named in MCP_SERVERS, or one by its URL. */
export const McpServerConfig = z
  .strictObject({
    /** A name in MCP_SERVERS. */
    server: orNull(z.string().min(1).max(64)),
    /** The endpoint of a server over Streamable HTTP, under the rules of the `http` node. */
    url: orNull(Url),
    /** The first part of the names of its tools. Default: the name in MCP_SERVERS, or the host of the URL. */
    name: orNull(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')),
    /** Sent with each request; only with `url`. */
    headers: orNull(Headers),
    /** The only tools that the model gets, by the names that the server gives them. Default: all. */
    tools: orNull(z.array(z.string().min(1).max(256)).min(1).max(1_000)),
    approval: orNull(ToolApprovalConfig),
    /** Sends a call again after a crash or a time limit, even if the first one may have had an effect. */
    retryUnsafe: orDefault(z.boolean(), () => false),
    /** The time limit of a call; MCP_TIMEOUT_MS by default. Progress extends it. */
    timeoutMs: orNull(z.int().min(1).max(3_600_000)),
  })
  .refine(({ server, url }) => (server === undefined) !== (url === undefined), {
    message: 'must have either "server" (a name in MCP_SERVERS) or "url"',
  })
  .refine(({ server, headers }) => server === undefined || headers === undefined, {
    path: ['headers'],
    message: 'are only for a server by "url": the operator sets those of a server in MCP_SERVERS',
  });
export type McpServerConfig = z.infer<typeof McpServerConfig>;

/** The MCP servers of an agent. */
export const McpConfig = z
  .array(McpServerConfig, 'must be a list, such as [{ "server": "docs" }]')
  .max(MAX_SERVERS);
export type McpConfig = z.infer<typeof McpConfig>;
