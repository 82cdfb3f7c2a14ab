import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { SecretRedactor } from '../../src/config/secret-redactor.js';
import { parseSettings, type Settings } from '../../src/config/settings.js';
import { HostPolicy, systemResolver } from '../../src/engine/http/host-policy.js';
import { RestrictedFetch } from '../../src/engine/http/restricted-fetch.js';
import { LocalServers } from '../../src/engine/mcp/local-servers.js';
import type { McpConfig } from '../../src/engine/mcp/mcp-config.js';
import { McpServers } from '../../src/engine/mcp/mcp-servers.js';
import { RemoteServers } from '../../src/engine/mcp/remote-servers.js';
import type { AgentTool, ToolOutput } from '../../src/engine/tools/agent-tool.js';
import { freePorts } from './free-ports.js';

const RUN = {
  executionId: '0199c0de-0000-7000-8000-000000000001',
  projectId: 'demo',
  nodeId: 'node',
  stepId: 'step',
};

/** The path of the real server `@modelcontextprotocol/server-everything`. */
export const EVERYTHING = createRequire(import.meta.url).resolve(
  '@modelcontextprotocol/server-everything/dist/index.js',
);

/** `McpServers` with the settings of a test, and what a test does with it. */
export class TestMcp {
  readonly servers: McpServers;
  readonly settings: Settings;
  private readonly local: LocalServers;
  private readonly fetch: RestrictedFetch;

  constructor(environment: Record<string, string>) {
    this.settings = parseSettings(environment);
    const secrets = SecretRedactor.of(this.settings);
    this.fetch = new RestrictedFetch(new HostPolicy(this.settings, systemResolver), systemResolver);
    this.local = new LocalServers(this.settings, secrets);
    this.servers = new McpServers(
      this.settings,
      secrets,
      new RemoteServers(this.settings, this.fetch),
      this.local,
    );
  }

  /** Opens one server, and passes its tools to a function. */
  async use<T>(
    server: Partial<McpConfig[number]>,
    work: (tools: readonly AgentTool[]) => Promise<T>,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<T> {
    const config = { retryUnsafe: false, ...server } as McpConfig[number];
    const opened = await this.servers.open([config], RUN, signal);
    try {
      return await work(opened.tools);
    } finally {
      await opened.close();
    }
  }

  async close(): Promise<void> {
    await this.local.onApplicationShutdown();
    await this.fetch.onApplicationShutdown();
  }
}

/** Calls a tool by its full name. */
export function call(
  tools: readonly AgentTool[],
  name: string,
  args: Record<string, string | number> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<ToolOutput> {
  const tool = tools.find((each) => each.name === name);
  if (!tool) throw new Error(`no tool ${name} among ${tools.map((each) => each.name).join(', ')}`);
  return tool.call({ args, idempotencyKey: 'key-1', signal });
}

/** Starts the real server over Streamable HTTP. */
export async function startEverything(): Promise<{ url: string; process: ChildProcess }> {
  const [port] = await freePorts(1);
  const child = spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ready = Promise.withResolvers<void>();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.includes('listening on port')) ready.resolve();
  });
  child.once('exit', () => ready.reject(new Error(`server-everything ended:\n${output}`)));
  await ready.promise;
  return { url: `http://localhost:${port}/mcp`, process: child };
}
