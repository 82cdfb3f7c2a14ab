import { z } from 'zod';
import { headerSecrets } from './header-secrets.js';
import { jsonSetting } from './json-setting.js';

const text = z.string().min(1).max(8192);
/** The name of a header that this server sends. */
export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/, 'is not a valid header name');
/** The value of a header that this server sends. */
export const headerValue = text.regex(
  /^[\t\x20-\x7e\x80-\xff]*$/,
  'may contain only Latin-1 text on one line',
);
const webUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' });

const Approval = z.union(
  [
    z.enum(['never', 'always']),
    z.strictObject({
      when: z.string().min(1).max(10_000).optional(),
      assignees: z.array(z.string().min(1).max(256)).min(1).max(100).optional(),
      message: z.string().min(1).max(10_000).optional(),
      expiresInMs: z.int().min(1).max(31_536_000_000).optional(),
      onExpire: z.enum(['deny', 'fail']).default('deny'),
    }),
  ],
  'must be "never", "always", or an object such as { "when": "args.amount > 100" }',
);

const forAgents = {
  /** The only tools that agents may use, by the names that the server gives them. Default: all. */
  tools: z.array(z.string().min(1).max(256)).min(1).max(1_000).optional(),
  /** Whether a person must allow a call. An agent cannot loosen it. */
  approval: Approval.optional(),
  /** The time limit of a call; MCP_TIMEOUT_MS by default. */
  timeoutMs: z.int().min(1).max(2_147_483_647).optional(),
};

const Remote = z.strictObject({
  url: webUrl,
  headers: z.record(headerName, headerValue).optional(),
  oauth: z
    .strictObject({
      clientId: text,
      clientSecret: text,
      /** Without it, the server says where tokens are issued. */
      tokenUrl: webUrl.optional(),
      scope: text.optional(),
    })
    .optional(),
  ...forAgents,
});

const Command = z.strictObject({
  command: text,
  args: z.array(z.string().max(8192)).max(100).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string().max(32_768)).optional(),
  cwd: text.optional(),
  ...forAgents,
});

const Entry = z.unknown().transform((value, context): z.infer<typeof Remote> | z.infer<typeof Command> => {
  const isCommand = typeof value === 'object' && value !== null && 'command' in value;
  const result = (isCommand ? Command : Remote).safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) context.addIssue({ ...issue, input: undefined } as never);
  return z.NEVER;
});

/** MCP servers that agents use by name, from the JSON text of MCP_SERVERS. The operator trusts them. */
export const McpServersSetting = jsonSetting('{"docs":{"url":"https://mcp.example.com/mcp"}}')
  .pipe(z.record(z.string(), Entry))
  .superRefine((servers, context) => {
    for (const [name, server] of Object.entries(servers)) {
      if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'is not a name: use 1 to 64 letters, digits, _ or -',
        });
      if ('oauth' in server && server.oauth && hasAuthorization(server.headers ?? {}))
        context.addIssue({
          code: 'custom',
          path: [name],
          message: 'may have "oauth" or the header Authorization, not both',
        });
    }
  });

const hasAuthorization = (headers: Readonly<Record<string, string>>): boolean =>
  Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');

/** A server over Streamable HTTP. */
export type RemoteMcpServer = z.infer<typeof Remote>;
/** A server that is a child process. */
export type LocalMcpServer = z.infer<typeof Command>;

/** Returns the values of MCP_SERVERS that may be secret: headers, the client's secret and environment variables. */
export function mcpSecrets(servers: Readonly<Record<string, RemoteMcpServer | LocalMcpServer>>): string[] {
  return Object.values(servers).flatMap((server) => {
    if ('command' in server) return Object.values(server.env ?? {});
    return [...headerSecrets(server.headers), ...(server.oauth ? [server.oauth.clientSecret] : [])];
  });
}
