// Saved workflows that are tools of the MCP server, and clients of the official packages that call them.
import {
  type CallToolResult,
  Client,
  type ElicitResult,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { ADMIN_KEY, type Server } from './server.ts';

export const object = (properties: object, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
});

const step = (id: string, type: string, config: object) => ({ id, type, data: { config } });
const ask = (config: object) => step('ask', 'approval', config);
const asked = (nodes: object[], last: object) => ({
  nodes: [...nodes, last],
  edges: [{ source: 'ask', target: 'last' }],
});

/** By name. Each is saved with an inputSchema, so that it is a tool. */
export const TOOLS = {
  add: {
    description: 'Adds two numbers.',
    tags: ['mcp:read-only'],
    inputSchema: object({ a: { type: 'number' }, b: { type: 'number' } }, ['a', 'b']),
    workflow: { nodes: [step('add', 'transform', { expression: '{ "sum": input.a + input.b }' })] },
  },
  greet: {
    inputSchema: object({ name: { type: 'string' } }, ['name']),
    workflow: {
      nodes: [
        step('greet', 'agent', {
          model: 'demo/echo',
          prompt: 'Hello {{input.name}}, how are you on this fine day?',
          providerOptions: { demo: { chunks: 4 } },
        }),
      ],
    },
  },
  wait: {
    inputSchema: object({ ms: { type: 'integer' } }, ['ms']),
    workflow: {
      nodes: [step('delay', 'delay', { ms: 600_000 }), step('first', 'transform', { expression: '1' })],
      edges: [{ source: 'first', target: 'delay' }],
    },
  },
  later: {
    inputSchema: object({}),
    workflow: {
      nodes: [
        step('first', 'transform', { expression: '1' }),
        step('delay', 'delay', { ms: 3_000 }),
        step('last', 'transform', { expression: '"done"' }),
      ],
      edges: [
        { source: 'first', target: 'delay' },
        { source: 'delay', target: 'last' },
      ],
    },
  },
  review: {
    inputSchema: object({}),
    workflow: asked(
      [
        ask({
          message: 'How much may it cost?',
          schema: object({ budget: { type: 'number', multipleOf: 5 } }, ['budget']),
          onReject: 'continue',
        }),
      ],
      step('last', 'transform', { expression: 'nodes.ask.output' }),
    ),
  },
  twice: {
    inputSchema: object({}),
    workflow: {
      nodes: [
        step('ask', 'approval', { message: 'First?' }),
        step('more', 'wait', { signal: 'more' }),
        step('last', 'transform', { expression: 'nodes.more.output' }),
      ],
      edges: [
        { source: 'ask', target: 'more' },
        { source: 'more', target: 'last' },
      ],
    },
  },
  nested: {
    inputSchema: object({}),
    workflow: {
      nodes: [ask({ message: 'A list?', schema: object({ items: { type: 'array' } }, ['items']) })],
    },
  },
  boom: {
    inputSchema: object({}),
    workflow: { nodes: [step('boom', 'transform', { expression: '$error("it broke")' })] },
  },
} as const;

/** Saves the tools in the project `demo`, and a workflow that is no tool. */
export async function saveTools(server: Server, project = 'demo'): Promise<void> {
  for (const [name, tool] of Object.entries(TOOLS)) await save(server, name, tool, project);
  await save(server, 'no-schema', { workflow: TOOLS.add.workflow }, project);
}

export async function save(server: Server, name: string, content: object, project = 'demo'): Promise<void> {
  const { status, text } = await server.call('PUT', `/api/workflows/${project}/${name}`, {
    ...content,
    workflow: { edges: [], ...(content as { workflow: object }).workflow },
  });
  if (status !== 201) throw new Error(`PUT answered ${status}: ${text}`);
}

/** Makes a key of the project `demo`. */
export async function keyOf(server: Server, more: object = {}): Promise<string> {
  const { body } = await server.call('POST', '/api/keys', {
    name: 'mcp',
    projects: ['demo'],
    scopes: ['executions:read', 'executions:write', 'executions:control'],
    ...more,
  });
  return body.key;
}

export const ERAS = ['modern', 'legacy'] as const;
export type Era = (typeof ERAS)[number];

interface ClientOptions {
  key?: string;
  /** How a person answers forms; without it the client has none. */
  answers?: (message: string, schema: object) => ElicitResult;
  /** Sends requests, such as to different processes. */
  fetch?: (input: string | URL, init?: RequestInit) => Promise<Response>;
}

/** Connects the official client. */
export async function connect(
  server: { url: string },
  era: Era,
  { key = ADMIN_KEY, answers, fetch }: ClientOptions = {},
): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    {
      ...(era === 'modern' && { versionNegotiation: { mode: { pin: '2026-07-28' } } }),
      capabilities: answers ? { elicitation: { form: {} } } : {},
    },
  );
  if (answers)
    client.setRequestHandler('elicitation/create', ({ params }) =>
      Promise.resolve(
        answers(params.message, 'requestedSchema' in params ? (params.requestedSchema as object) : {}),
      ),
    );
  await client.connect(
    new StreamableHTTPClientTransport(new URL('/mcp', server.url), {
      ...(fetch && { fetch }),
      requestInit: { headers: { authorization: `Bearer ${key}` } },
      reconnectionOptions: {
        initialReconnectionDelay: 50,
        maxReconnectionDelay: 200,
        reconnectionDelayGrowFactor: 1,
        maxRetries: 100,
      },
    }),
  );
  return client;
}

/** The text of a result. */
export const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('');

/** The id of the execution of a call. */
export const executionOf = ({ _meta }: CallToolResult): string => String(_meta?.['cloutagent/executionId']);
