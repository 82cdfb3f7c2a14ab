import type { LanguageModelV4FunctionTool } from '@ai-sdk/provider';
import type { AgentRun } from '../extension/agent-run.js';
import { NodeError } from '../extension/node-handler.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import type { McpConfig } from '../mcp/mcp-config.js';
import type { McpServers, McpTools } from '../mcp/mcp-servers.js';
import type { AgentTool } from '../tools/agent-tool.js';
import { modelToolNames } from '../tools/model-tool-names.js';
import { toApproval } from '../tools/tool-approval-config.js';
import type { ToolRegistry } from '../tools/tool-registry.js';
import { callHttpTool, SAFE_METHODS } from './http-tools.js';
import type { ConfiguredTool, HttpTool, ModuleTool } from './tool-config.js';

export interface ToolSources {
  readonly run: AgentRun<unknown>;
  readonly http: RestrictedHttpClient;
  readonly registry: ToolRegistry;
  readonly mcp: McpServers;
  readonly signal: AbortSignal;
}

/** The tools of one attempt at an agent, by the names that its model uses. */
export class AgentTools {
  private readonly byName: ReadonlyMap<string, AgentTool>;
  private readonly byModelName: ReadonlyMap<string, AgentTool>;

  private constructor(
    tools: readonly AgentTool[],
    private readonly mcp: McpTools | undefined,
  ) {
    const byName = new Map(tools.map((tool) => [tool.name, tool]));
    this.byName = byName;
    this.byModelName = new Map(
      [...modelToolNames([...byName.keys()])].map(([name, modelName]) => [modelName, byName.get(name)!]),
    );
  }

  /** @throws NodeError `tool_not_available`, `invalid_config`; TransientError `mcp_unavailable` */
  static async open(
    configured: readonly ConfiguredTool[],
    servers: McpConfig,
    sources: ToolSources,
  ): Promise<AgentTools> {
    const { run, mcp, signal } = sources;
    const tools = await Promise.all(
      configured.map(async (tool) => ('http' in tool ? httpTool(tool, sources) : moduleTool(tool, sources))),
    );
    const opened = servers.length > 0 ? await mcp.open(servers, run, signal) : undefined;
    const all = [...tools, ...(opened?.tools ?? [])];
    const names = new Set<string>();
    for (const { name } of all) {
      if (names.has(name)) {
        await opened?.close();
        throw new NodeError(
          'invalid_config',
          `Two tools of the agent have the name ${name}: rename one of them.`,
        );
      }
      names.add(name);
    }
    return new AgentTools(all, opened);
  }

  /** Returns the tool that a model calls; undefined if there is none of this name. */
  find(modelName: string): AgentTool | undefined {
    return this.byModelName.get(modelName);
  }

  /** Returns the tool with this full name; undefined if there is none. */
  named(name: string): AgentTool | undefined {
    return this.byName.get(name);
  }

  /** The names that the model knows. */
  get modelNames(): string[] {
    return [...this.byModelName.keys()];
  }

  /** The tools as a provider gets them. */
  definitions(): LanguageModelV4FunctionTool[] {
    return [...this.byModelName].map(([name, { description, inputSchema }]) => ({
      type: 'function',
      name,
      description,
      // The schema is only sent to the model. Checking arguments would run a caller's regular expressions in our event loop.
      inputSchema: inputSchema as never,
    }));
  }

  async close(): Promise<void> {
    await this.mcp?.close();
  }
}

function httpTool(tool: HttpTool, { http, run }: ToolSources): AgentTool {
  const { name, description, inputSchema, approval, retryUnsafe } = tool;
  return {
    name,
    description,
    inputSchema,
    approval: toApproval(approval),
    mayRepeat: retryUnsafe || SAFE_METHODS.has(tool.http.method),
    call: async (call) => ({ result: await callHttpTool(tool, call, { http, run }), isError: false }),
  };
}

async function moduleTool(
  { name, approval, retryUnsafe }: ModuleTool,
  { run, registry }: ToolSources,
): Promise<AgentTool> {
  const { description, inputSchema } = await registry.definition(name);
  return {
    name,
    description,
    inputSchema,
    approval: toApproval(approval),
    mayRepeat: retryUnsafe,
    call: async (call) => ({ result: await registry.call(name, call, run), isError: false }),
  };
}
