import type { Json } from '@cloutagent/contract';
import { dynamicTool, jsonSchema, type ToolSet } from 'ai';
import { messageOf } from '../../logging/error-info.js';
import type { NodeRun } from '../extension/node-handler.js';
import { asText } from '../extension/template.js';
import type { ToolResult } from '../extension/tool-hooks.js';
import type { RestrictedHttpClient } from '../http/restricted-http-client.js';
import { modelToolNames } from '../tools/model-tool-names.js';
import type { ToolDefinition } from '../tools/tool-provider.js';
import type { ToolRegistry } from '../tools/tool-registry.js';
import { callHttpTool } from './http-tools.js';
import type { AgentTool } from './model-config.js';

export interface AgentToolsOptions {
  readonly run: NodeRun<unknown>;
  readonly http: RestrictedHttpClient;
  readonly registry: ToolRegistry;
  readonly signal: AbortSignal;
}

/** When a call may be carried out, and what waits for it. */
export interface CallTiming {
  /** Resolves when the call with this id is recorded. */
  readonly waitUntilAllowed: (toolCallId: string) => Promise<void>;
  /** Wraps each call, so that the caller knows while one is in progress. */
  readonly whileRunning: <T>(work: () => Promise<T>) => Promise<T>;
}

/** A tool as the model sees it, and how to call it. */
interface CallableTool extends Omit<ToolDefinition, 'name'> {
  readonly call: (args: Json) => Promise<Json>;
}

/** The tools of one call of a model. */
export class AgentTools {
  /** Full names by the names that the model uses. */
  private readonly fullNames: ReadonlyMap<string, string>;
  /** What the interceptors decided on calls that are not carried out yet, by their ids. */
  private readonly decisions = new Map<string, { args: Json; refusal?: string }>();

  private constructor(
    private readonly run: NodeRun<unknown>,
    /** By full name. */
    private readonly tools: ReadonlyMap<string, CallableTool>,
  ) {
    const modelNames = modelToolNames([...tools.keys()]);
    this.fullNames = new Map([...modelNames].map(([fullName, modelName]) => [modelName, fullName]));
  }

  /** @throws NodeError `tool_not_available` */
  static async of(tools: readonly AgentTool[], options: AgentToolsOptions): Promise<AgentTools> {
    const { run, http, registry, signal } = options;
    const callable = new Map<string, CallableTool>();
    for (const tool of tools) {
      if (typeof tool === 'string') {
        const definition = await registry.definition(tool);
        callable.set(tool, { ...definition, call: (args) => registry.call(tool, args, run, signal) });
      } else callable.set(tool.name, { ...tool, call: (args) => callHttpTool(tool, args, http, signal) });
    }
    return new AgentTools(run, callable);
  }

  get isEmpty(): boolean {
    return this.tools.size === 0;
  }

  /** Returns the full name of a tool that the model calls. */
  fullName(modelName: string): string {
    return this.fullNames.get(modelName) ?? modelName;
  }

  /**
   * Passes a call of the model through the interceptors. Call it before the call is recorded.
   * @returns the arguments to record
   */
  async prepare(toolId: string, modelName: string, args: Json): Promise<Json> {
    const { toolHooks } = this.run;
    if (!toolHooks) return args;
    const decision = await toolHooks.before({ toolId, toolName: this.fullName(modelName), args });
    this.decisions.set(toolId, decision);
    return decision.args;
  }

  /** Makes the tools in the form that the AI SDK runs. */
  toolSet({ waitUntilAllowed, whileRunning }: CallTiming): ToolSet {
    return Object.fromEntries(
      [...this.fullNames].map(([modelName, fullName]) => {
        const tool = this.tools.get(fullName)!;
        const sdkTool = dynamicTool({
          description: tool.description,
          // The schema is only sent to the model. Checking arguments would run a caller's regular expressions in our event
          // loop.
          inputSchema: jsonSchema(tool.inputSchema),
          execute: async (args, { toolCallId }) => {
            await waitUntilAllowed(toolCallId);
            return whileRunning(() => this.call(tool, toolCallId, fullName, (args ?? null) as Json));
          },
        });
        return [modelName, sdkTool] as const;
      }),
    );
  }

  private async call(tool: CallableTool, toolId: string, toolName: string, given: Json): Promise<Json> {
    const { toolHooks } = this.run;
    if (!toolHooks) return tool.call(given);
    const { args, refusal } = this.decisions.get(toolId) ?? { args: given };
    this.decisions.delete(toolId);
    if (refusal !== undefined) throw new Error(refusal);
    let result: ToolResult;
    try {
      result = { result: await tool.call(args), isError: false };
    } catch (error) {
      this.run.signal.throwIfAborted();
      result = { result: messageOf(error), isError: true };
    }
    const shown = await toolHooks.after({ toolId, toolName, args }, result);
    if (shown.isError) throw new Error(asText(shown.result));
    return shown.result;
  }
}
