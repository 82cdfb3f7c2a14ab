import { SecretRedactor } from '../../src/config/secret-redactor.js';
import { parseSettings, type Settings } from '../../src/config/settings.js';
import { HostPolicy, systemResolver } from '../../src/engine/http/host-policy.js';
import { RestrictedFetch } from '../../src/engine/http/restricted-fetch.js';
import { LocalServers } from '../../src/engine/mcp/local-servers.js';
import { type McpConfig, McpServerConfig } from '../../src/engine/mcp/mcp-config.js';
import { McpServers } from '../../src/engine/mcp/mcp-servers.js';
import { RemoteServers } from '../../src/engine/mcp/remote-servers.js';
import type { AgentTool, ToolOutput } from '../../src/engine/tools/agent-tool.js';
import { ExecutionRedactors } from '../../src/secrets/execution-redactors.js';

const RUN = {
  executionId: '0199c0de-0000-7000-8000-000000000001',
  projectId: 'demo',
  nodeId: 'node',
  reveal: <T>(value: T) => Promise.resolve(value),
  revealSetting: <T>(value: T) => Promise.resolve(value),
  stepId: 'step',
};

/** `McpServers` with the settings of a test, and what a test does with it. */
export class TestMcp {
  readonly servers: McpServers;
  readonly settings: Settings;
  private readonly local: LocalServers;
  private readonly fetch: RestrictedFetch;

  constructor(environment: Record<string, string>) {
    this.settings = parseSettings(environment);
    const secrets = SecretRedactor.of(this.settings);
    this.fetch = new RestrictedFetch(this.settings, new HostPolicy(this.settings, systemResolver));
    this.local = new LocalServers(this.settings, secrets);
    this.servers = new McpServers(
      this.settings,
      new ExecutionRedactors(secrets),
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
    const config: McpConfig[number] = McpServerConfig.parse(server);
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
